/// Why a delivery exists. Part of its identity: one event is delivered once per endpoint and cause.
public enum Cause: Hashable, Sendable, CustomStringConvertible {
    /// The event matched the endpoint when it was fanned out.
    case live
    /// `webhook.test`: to its endpoint alone, whatever its state, one attempt.
    case test
    /// Asked for by hand or by a job; carries the id of that redelivery, resend, replay or redrive.
    case request(String)

    public init(_ text: String) {
        switch text {
        case "live": self = .live
        case "test": self = .test
        default: self = .request(text)
        }
    }

    public var description: String {
        switch self {
        case .live: "live"
        case .test: "test"
        case .request(let id): id
        }
    }
}
