internal import Database
public import EventModel

/// Bulk work as it stands: over the feed (replay, resend) or over dead letters (redrive, discard).
public struct JobRecord: Sendable, Hashable {
    public enum Action: String, Sendable, CaseIterable {
        /// Events of a stretch of time, whether they were delivered before or not.
        case replay
        /// Dead letters, as deliveries of their own.
        case redrive
        /// Dead letters, thrown away.
        case discard
        /// Events that the endpoint has not acknowledged.
        case resend
    }

    public enum State: String, Sendable, CaseIterable {
        case running, done, cancelled
    }

    /// What a job is asked to work on.
    public struct Order: Sendable, Hashable {
        public var action: Action
        /// Nil: all of the tenant's.
        public var endpoint: EndpointID?
        /// When the feed stored the event, or when the letter died: at or after this, and before that.
        public var from: Timestamp?
        public var to: Timestamp?
        /// Types, each with its family; empty: all.
        public var types: [String] = []
        public var smith: String?
        /// Of dead letters.
        public var errorClass: String?
        /// Deliveries a second to each webhook at most; nil: as it takes them.
        public var ratePerSecond: Double?
        /// Of a discard.
        public var reason = ""

        public init(_ action: Action) {
            self.action = action
        }
    }

    public var id: JobID
    public var order: Order
    /// The token that asked for it.
    public var actor: String
    public var state: State
    /// How many there were when it began; the least that there were where one look did not count them all.
    public var matched: Int64
    public var isExact: Bool
    /// First attempts that were answered 2xx, that will be followed by others, and that ended otherwise.
    public var delivered: Int64
    public var retrying: Int64
    public var failed: Int64
    public var discarded: Int64
    /// Everything up to here is settled; of several webhooks the one that is least far.
    public var pos: Int64?
    public var until: Int64?
    /// When the feed stored the event at `pos`.
    public var reached: Timestamp?
    /// Of the stretch, from 0 to 1; nil where nobody can tell.
    public var progress: Double?
    public var createdAt: Timestamp
    public var endedAt: Timestamp?

    /// Deliveries that were begun.
    public var sent: Int64 { delivered + retrying + failed }

    /// Deliveries (of a discard: letters) a second since it began.
    public func rate(at now: Timestamp) -> Double {
        let time = max(1, (endedAt ?? now).microseconds(since: createdAt))
        return Double(sent + discarded) * 1_000_000 / Double(time)
    }

    static let columns = """
        j.id, j.action, j.webhook_id, j.from_at, j.to_at, j.types, j.smith_id, j.error_class, j.rate_per_s, j.reason, \
        j.actor, j.state, j.matched, j.is_exact, coalesce(s.delivered, j.delivered), coalesce(s.retrying, j.retrying), \
        coalesce(s.failed, j.failed), j.discarded, coalesce(s.pos, j.pos), coalesce(s.until_pos, j.until_pos), \
        coalesce(s.progress, j.progress), j.created_at, j.ended_at, \
        (select e.recorded_at from fanfare.events e where e.pos = coalesce(s.pos, j.pos))
        """
    /// Until a job has ended its cursors say how far it is.
    static let source = """
        fanfare.jobs j left join lateral (
            select c.* from fanfare.job_sums_v1(j.id) c where j.progress is null and j.action <> 'discard'
        ) s on true
        """

    init(_ rows: Rows, _ row: Int) {
        id = rows.identifier(row, 0)
        order = Order(Action(rawValue: rows.text(row, 1)) ?? .replay)
        order.endpoint = rows.optionalIdentifier(row, 2)
        order.from = rows.optionalTimestamp(row, 3)
        order.to = rows.optionalTimestamp(row, 4)
        order.types = rows.textArray(row, 5)
        order.smith = rows.optionalText(row, 6)
        order.errorClass = rows.optionalText(row, 7)
        order.ratePerSecond = rows.optionalDouble(row, 8)
        order.reason = rows.text(row, 9)
        actor = rows.text(row, 10)
        state = State(rawValue: rows.text(row, 11)) ?? .running
        matched = rows.int64(row, 12)
        isExact = rows.bool(row, 13)
        delivered = rows.int64(row, 14)
        retrying = rows.int64(row, 15)
        failed = rows.int64(row, 16)
        discarded = rows.int64(row, 17)
        pos = rows.optionalInt64(row, 18)
        until = rows.optionalInt64(row, 19)
        progress = rows.optionalDouble(row, 20)
        createdAt = rows.timestamp(row, 21)
        endedAt = rows.optionalTimestamp(row, 22)
        reached = rows.optionalTimestamp(row, 23)
    }
}

/// A stretch of the feed, from a stretch of time.
public struct JobRange: Sendable, Hashable {
    public var from: Int64
    /// The last position.
    public var until: Int64
    /// When the oldest event that is kept was stored.
    public var oldest: Timestamp
    /// Something that was stored after the beginning of the stretch is dropped already.
    public var isPast: Bool
}

/// How much a job would find.
public struct JobCount: Sendable, Hashable {
    public var matched: Int64
    /// Whether that is all; else there are at least so many.
    public var isExact: Bool

    public init(matched: Int64, isExact: Bool) {
        self.matched = matched
        self.isExact = isExact
    }
}
