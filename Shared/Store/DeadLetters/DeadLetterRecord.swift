internal import Database
public import EventModel

/// A delivery that ended without success, as tenants see it. Its bytes are asked for by themselves.
public struct DeadLetterRecord: Sendable, Hashable {
    public var id: DeadLetterID
    public var endpoint: EndpointID
    public var event: EventID
    /// The delivery that ended.
    public var delivery: DeliveryID
    public var type: String
    /// Attempts that were made.
    public var attempts: Int
    public var errorClass: String?
    /// HTTP status of the last attempt.
    public var status: Int?
    /// `exhausted`, `endpoint_disabled`, `expired`.
    public var reason: String
    public var diedAt: Timestamp
    /// Under which cause it is sent again; set before it is.
    public var redriveCause: String?
    /// When it was put on its lane again; nil: it was not.
    public var redrivenAt: Timestamp?
    /// Of its envelope.
    public var payloadBytes: Int

    /// The delivery that sends it again; nil while there is none.
    public var redelivery: DeliveryID? {
        guard redrivenAt != nil, let redriveCause else { return nil }
        return DeliveryID(event: event, endpoint: endpoint, cause: Cause(redriveCause))
    }

    static let columns = """
        d.id, d.webhook_id, d.event_id, d.delivery_id, d.event_type, d.attempts, d.error_class, d.status, d.reason, \
        d.dead_at, d.redrive_cause, d.redriven_at, octet_length(d.payload)
        """
    static let columnCount = 13

    /// - Parameter first: The column that `columns` begin at.
    init(_ rows: Rows, _ row: Int, from first: Int = 0) {
        id = rows.identifier(row, first)
        endpoint = rows.identifier(row, first + 1)
        event = rows.identifier(row, first + 2)
        delivery = rows.identifier(row, first + 3)
        type = rows.text(row, first + 4)
        attempts = Int(rows.int32(row, first + 5))
        errorClass = rows.optionalText(row, first + 6)
        status = rows.optionalInt32(row, first + 7).map(Int.init)
        reason = rows.text(row, first + 8)
        diedAt = rows.timestamp(row, first + 9)
        redriveCause = rows.optionalText(row, first + 10)
        redrivenAt = rows.optionalTimestamp(row, first + 11)
        payloadBytes = Int(rows.int32(row, first + 12))
    }
}

/// Which dead letters are asked for; nil: all.
public struct DeadLetterFilter: Sendable, Hashable {
    public var endpoint: EndpointID?
    /// A type with its family.
    public var type: EventType?
    public var errorClass: String?
    /// When they died: at or after this, and before that.
    public var since: Timestamp?
    public var until: Timestamp?
    /// Whether they were sent again.
    public var isRedriven: Bool?

    public init() {}
}

/// Dead letters, newest first.
public struct DeadLetterPage: Sendable {
    public var letters: [DeadLetterRecord]
    /// Everything from here on has been looked at; nil where there was nothing.
    public var edge: String?
    public var hasMore: Bool
}

/// A dead letter on its way to its lane.
public struct ClaimedLetter: Sendable {
    public var id: DeadLetterID
    public var cause: Cause
    public var endpoint: EndpointID
    public var event: EventID
    public var type: String
    public var pos: Int64
    public var part: Int
    public var recordedAt: Timestamp
    public var payload: [UInt8]
}
