/// The programs of the platform. The raw value is the executable's name.
public enum ServiceName: String, Sendable, CaseIterable {
    case ingest = "fanfare-ingest"
    case feed = "fanfare-feed"
    case matcher = "fanfare-matcher"
    case delivery = "fanfare-delivery"
    case tool = "fanfare"

    /// The four that run for long.
    public static let services: Set<ServiceName> = [.ingest, .feed, .matcher, .delivery]

    /// What the ports of an installation count from, unless it says otherwise (contracts §1).
    public static let defaultPortBase = 3400

    /// Added to the port base for the port that clients use; nil for a program without one.
    public var portOffset: Int? {
        switch self {
        case .ingest: 0
        case .feed: 1
        case .matcher, .delivery, .tool: nil
        }
    }

    /// Added to the port base for the admin server; nil for the tool, which has none.
    public var adminPortOffset: Int? {
        switch self {
        case .ingest: 10
        case .feed: 11
        case .matcher: 12
        case .delivery: 13
        case .tool: nil
        }
    }
}
