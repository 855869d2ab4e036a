/// A durable position on a tenant's feed that one endpoint is delivered from: a backlog that costs nothing per event.
///
/// A span's cursor catches up for an endpoint that could not keep up; a job's goes over a range with a filter and a cause of
/// its own. Whoever owns the endpoint's lane works on it, and only under the epoch that taking it gave.
public struct DeliveryCursor: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case span, job
    }

    /// What a job's cursor reads.
    public enum Action: String, Sendable {
        /// The feed.
        case replay
        /// What of the feed the endpoint has not acknowledged.
        case resend
        /// The events of its dead letters. They matched once: what the webhook subscribes to now is not asked.
        case redrive
    }

    public var id: CursorID
    public var kind: Kind
    public var tenant: TenantID
    public var endpoint: EndpointID
    /// The lane that carries the endpoint.
    public var lane: Int
    /// `live`, or the id of the job.
    public var cause: Cause
    /// Everything up to here is settled: delivered, dead, cancelled, or its next attempt is durable.
    public var pos: Int64
    /// The last position; nil while a span is open.
    public var until: Int64?
    /// Of jobs: types, each with its family; empty: all that the webhook subscribes to.
    public var types: [String]
    /// Of jobs: only this smith's.
    public var smith: String?
    /// Deliveries a second at most; nil: as the endpoint takes them.
    public var ratePerSecond: Double?
    /// Of jobs.
    public var action: Action

    public init(
        id: CursorID, kind: Kind, tenant: TenantID, endpoint: EndpointID, lane: Int, cause: Cause, pos: Int64,
        until: Int64?, types: [String] = [], smith: String? = nil, ratePerSecond: Double? = nil,
        action: Action = .replay
    ) {
        self.id = id
        self.kind = kind
        self.tenant = tenant
        self.endpoint = endpoint
        self.lane = lane
        self.cause = cause
        self.pos = pos
        self.until = until
        self.types = types
        self.smith = smith
        self.ratePerSecond = ratePerSecond
        self.action = action
    }

    /// Whether its events are those that the webhook subscribes to now, types and filter.
    public var asksSubscription: Bool { kind == .span || action != .redrive }

    /// The id of the job whose own page is to be read; nil where the feed's will do.
    public var pageOfJob: String? {
        guard kind == .job, action != .replay else { return nil }
        return cause.description
    }
}

/// Positions `from <= pos < to` that an endpoint's cursor delivers: the matcher leaves them out, and the lane's owner finishes
/// live records of theirs unsent.
public struct FeedSpan: Sendable, Hashable {
    public var cursor: CursorID
    public var endpoint: EndpointID
    public var from: Int64
    /// Nil while it is open.
    public var to: Int64?

    public init(cursor: CursorID, endpoint: EndpointID, from: Int64, to: Int64?) {
        self.cursor = cursor
        self.endpoint = endpoint
        self.from = from
        self.to = to
    }

    public func contains(_ pos: Int64) -> Bool { from <= pos && pos < to ?? .max }
}

/// How far a cursor is settled, and what came of its deliveries since this was last recorded.
public struct CursorProgress: Sendable, Hashable {
    public var id: CursorID
    public var lane: Int
    /// As taking the lane's cursors gave it.
    public var epoch: Int64
    public var pos: Int64
    public var delivered: Int64
    /// Deliveries that wait for another attempt.
    public var retrying: Int64
    /// Deliveries that ended otherwise: dead, cancelled.
    public var failed: Int64
    /// The cursor has come to its end.
    public var isDone: Bool

    public init(
        id: CursorID, lane: Int, epoch: Int64, pos: Int64, delivered: Int64 = 0, retrying: Int64 = 0, failed: Int64 = 0,
        isDone: Bool = false
    ) {
        self.id = id
        self.lane = lane
        self.epoch = epoch
        self.pos = pos
        self.delivered = delivered
        self.retrying = retrying
        self.failed = failed
        self.isDone = isDone
    }
}

/// What a cursor is read with.
public struct CursorQuery: Sendable, Hashable {
    public var tenant: TenantID
    public var endpoint: EndpointID
    /// Rows behind this position.
    public var after: Int64
    /// The last position of interest; nil: up to the head.
    public var until: Int64?
    /// Types, each with its family; nil: every type.
    public var families: [String]?
    public var smith: String?
    /// Events of a page, and bytes of their envelopes; a page has at least one.
    public var limit: Int
    public var bytes: Int
    /// Rows that one page looks through.
    public var scan: Int
    /// `DeliveryCursor.pageOfJob`.
    public var job: String?

    public init(
        tenant: TenantID, endpoint: EndpointID, after: Int64, until: Int64?, families: [String]? = nil,
        smith: String? = nil, limit: Int, bytes: Int, scan: Int = 2_000, job: String? = nil
    ) {
        self.tenant = tenant
        self.endpoint = endpoint
        self.after = after
        self.until = until
        self.families = families
        self.smith = smith
        self.limit = limit
        self.bytes = bytes
        self.scan = scan
        self.job = job
    }
}

/// Events of a tenant in order, for a cursor.
public struct CursorPage: Sendable {
    public struct Item: Sendable {
        public var pos: Int64
        public var event: EventID
        public var type: String
        public var recordedAt: Timestamp
        public var envelope: [UInt8]
        /// The trace that the event stands in, if it came with one.
        public var trace: EventTrace?

        public init(
            pos: Int64, event: EventID, type: String, recordedAt: Timestamp, envelope: [UInt8], trace: EventTrace? = nil
        ) {
            self.pos = pos
            self.event = event
            self.type = type
            self.recordedAt = recordedAt
            self.envelope = envelope
            self.trace = trace
        }
    }

    public var items: [Item]
    /// Everything up to here was looked at.
    public var edge: Int64
    /// The position that the feed's next event gets.
    public var next: Int64
    /// The first position that the feed still has.
    public var oldest: Int64
    /// Of the snapshot that the page was read in.
    public var configVersion: Int64

    public init(items: [Item], edge: Int64, next: Int64, oldest: Int64, configVersion: Int64) {
        self.items = items
        self.edge = edge
        self.next = next
        self.oldest = oldest
        self.configVersion = configVersion
    }
}

/// What taking the cursors of lanes gives.
public struct TakenCursors: Sendable {
    /// By lane.
    public var epochs: [Int: Int64] = [:]
    /// Every span that was opened or closed under an earlier epoch is known by this configuration version.
    public var configVersion: Int64 = 0
    public var cursors: [DeliveryCursor] = []

    public init() {}
}

/// A span to be opened.
public struct SpanOpening: Sendable, Hashable {
    public var id: CursorID
    public var tenant: TenantID
    public var endpoint: EndpointID
    public var lane: Int
    /// As taking the lane's cursors gave it.
    public var epoch: Int64
    /// One more than the highest position that was started for the endpoint.
    public var from: Int64

    public init(id: CursorID, tenant: TenantID, endpoint: EndpointID, lane: Int, epoch: Int64, from: Int64) {
        self.id = id
        self.tenant = tenant
        self.endpoint = endpoint
        self.lane = lane
        self.epoch = epoch
        self.from = from
    }
}

/// A span that is open now, with its cursor.
public struct OpenedSpan: Sendable, Hashable {
    public var span: FeedSpan
    public var cursor: DeliveryCursor

    public init(span: FeedSpan, cursor: DeliveryCursor) {
        self.span = span
        self.cursor = cursor
    }
}

/// What recording a cursor's progress found.
public enum CursorState: String, Sendable {
    case active, done
    /// Somebody ended it: nothing more is to be read.
    case cancelled
    /// The epoch is not ours: nothing was written.
    case refused
    /// There is no such cursor any more.
    case gone
}

/// The spans of one endpoint, as the configuration tells them; they do not overlap.
public struct SpanSet: Sendable, Hashable {
    /// By rising `from`.
    public private(set) var spans: [FeedSpan] = []

    public init() {}

    public var isEmpty: Bool { spans.isEmpty }

    /// Takes a span in, or the end of one that is known. An end that is known stays: changes may come twice.
    public mutating func apply(_ span: FeedSpan) {
        if let index = spans.lastIndex(where: { $0.cursor == span.cursor }) {
            if spans[index].to == nil { spans[index].to = span.to }
            return
        }
        let index = (spans.lastIndex { $0.from <= span.from } ?? -1) + 1
        spans.insert(span, at: index)
    }

    public func contains(_ pos: Int64) -> Bool {
        // Nearly always one of the last is asked for; an empty span shares its beginning with the next.
        for span in spans.reversed() where span.from <= pos {
            if span.contains(pos) { return true }
            if span.from < span.to ?? .max { return false }
        }
        return false
    }
}
