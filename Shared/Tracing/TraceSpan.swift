public import EventModel

/// Something that took time on the way of an event.
public struct TraceSpan: Sendable {
    /// OpenTelemetry's `SpanKind`.
    public enum Kind: Int, Sendable {
        case `internal` = 1
        case server = 2
        case client = 3
        case producer = 4
        case consumer = 5
    }

    /// A value of a span's attribute; never a payload or a secret.
    public enum Value: Sendable {
        case string(String)
        case int(Int)
    }

    /// A constant: names are few.
    public let name: StaticString
    public let kind: Kind
    /// The trace and the span itself.
    public let trace: EventTrace
    /// Zero for the first of a trace.
    public let parent: UInt64
    public let start: Timestamp
    public let end: Timestamp
    public let attributes: [(name: StaticString, value: Value)]
    /// Set where it failed.
    public let error: String?

    public init(
        _ name: StaticString, kind: Kind, trace: EventTrace, parent: UInt64, start: Timestamp, end: Timestamp,
        attributes: [(name: StaticString, value: Value)] = [], error: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.trace = trace
        self.parent = parent
        self.start = start
        self.end = end
        self.attributes = attributes
        self.error = error
    }
}
