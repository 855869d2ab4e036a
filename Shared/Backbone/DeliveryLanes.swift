public import EventModel

/// The delivery worker's side of the seam: records of the lanes that this process owns, and a place for their outcomes.
///
/// The implementation owns lanes (lease or consumer group), keeps the window and commits contiguously, keeps attempts that
/// wait until they are due, moves a stuck head out of the way, and forgets what was lost to another owner. The worker
/// decides only what becomes of each record.
public protocol DeliveryLanes: Sendable {
    /// Owns lanes and serves until `shutdown`.
    func run() async throws

    /// Hands out nothing more (`receive` answers nil), waits at most two seconds for the outcomes of what is out, moves what
    /// is left out of the way, gives the lanes back, and lets `run` return. Cancelling the task of `run` gives up at once,
    /// as kill -9 would.
    func shutdown() async

    /// True once this process owns lanes or knows that others own them all.
    var isReady: Bool { get }

    /// What has happened since the last call: waits until there is something. Nil once shutting down.
    ///
    /// Bounded: at most the configured window of records (and bytes) is out at a time; each comes back through `settle`.
    func receive() async throws -> LaneSignals?

    /// Takes outcomes, in any order; returns when they are queued to be recorded (waits while that queue is full). A record
    /// is done when what its outcome asks for is durable. Outcomes of lost lanes are dropped.
    ///
    /// Records that a feed cursor made (their handles' source is `LaneHandle.cursor`) are settled here too: their audit, next
    /// attempts and dead letters go where those of lane records go, and `LaneSignals.recorded` tells when they are durable.
    func settle(_ outcomes: [LaneOutcome]) async throws

    /// Whether this process may still send for `lane` under `epoch`: compares the monotonic clock with its lease. Asked
    /// before each POST; takes no lock that is held across I/O.
    func mayDeliver(lane: Int, epoch: Int64) -> Bool
}

/// What `receive` hands out.
public struct LaneSignals: Sendable {
    /// Lanes that are now another's (or given back): drop what waits for them, start nothing for them.
    public var lost: [Int]
    /// Lanes that are now ours, after `lost`; told with or before their first record. One that was lost and came back is in
    /// both, under another epoch.
    public var gained: [GainedLane]
    /// Records to deliver, oldest first within a lane.
    public var records: [LaneRecord]
    /// Of cursors: what their outcomes asked for is durable.
    public var recorded: [LaneHandle]

    public init(
        lost: [Int] = [], gained: [GainedLane] = [], records: [LaneRecord] = [], recorded: [LaneHandle] = []
    ) {
        self.lost = lost
        self.gained = gained
        self.records = records
        self.recorded = recorded
    }
}

/// A lane that this process owns from now on.
public struct GainedLane: Hashable, Sendable {
    public var lane: Int
    /// As in the handles of its records; what `DeliveryLanes.mayDeliver` is asked with.
    public var epoch: Int64

    public init(lane: Int, epoch: Int64) {
        self.lane = lane
        self.epoch = epoch
    }
}

/// One delivery, due now.
public struct LaneRecord: Sendable {
    /// The implementation's handle; goes back with the outcome.
    public var handle: LaneHandle
    public var delivery: DeliveryID
    public var endpoint: EndpointID
    public var event: EventID
    public var tenant: TenantID
    public var type: String
    public var pos: Int64
    public var cause: Cause
    /// Which attempt this is, from 1.
    public var attempt: Int
    /// The configuration version that the matcher used: a worker that is behind it refreshes before it decides.
    public var configVersion: Int64
    /// When the feed stored the event.
    public var recordedAt: Timestamp
    /// When the delivery's first attempt became due: its age counts from here.
    public var firstDueAt: Timestamp
    public var envelope: [UInt8]
    /// When the log took the event, where it is not the feed that did.
    public var acceptedAt: Timestamp?
    public var trace: EventTrace?

    public init(
        handle: LaneHandle, delivery: DeliveryID, endpoint: EndpointID, event: EventID, tenant: TenantID, type: String,
        pos: Int64, cause: Cause, attempt: Int, configVersion: Int64, recordedAt: Timestamp, firstDueAt: Timestamp,
        envelope: [UInt8], acceptedAt: Timestamp? = nil, trace: EventTrace? = nil
    ) {
        self.handle = handle
        self.delivery = delivery
        self.endpoint = endpoint
        self.event = event
        self.tenant = tenant
        self.type = type
        self.pos = pos
        self.cause = cause
        self.attempt = attempt
        self.configVersion = configVersion
        self.recordedAt = recordedAt
        self.firstDueAt = firstDueAt
        self.envelope = envelope
        self.acceptedAt = acceptedAt
        self.trace = trace
    }
}

/// Which lane a record came from, under which epoch, and where in it.
public struct LaneHandle: Hashable, Sendable {
    public var lane: Int
    public var epoch: Int64
    /// Which log of the lane: 0 the lane itself, `cursor` none of them, others the implementation's companions.
    public var source: Int
    /// Offset, `seq`, or the implementation's own number.
    public var offset: Int64

    /// The source of records that the worker made itself, from a feed cursor; their offsets are its own numbers.
    public static let cursor = -1

    public init(lane: Int, epoch: Int64, source: Int, offset: Int64) {
        self.lane = lane
        self.epoch = epoch
        self.source = source
        self.offset = offset
    }
}

/// What becomes of one record.
public struct LaneOutcome: Sendable {
    public enum Next: Sendable {
        /// The delivery is over (delivered or cancelled).
        case finished
        /// The delivery is over and its bytes go to the dead letters.
        case dead(DeadLetter)
        /// Attempt `attempt` follows, not before `due`.
        case retry(attempt: Int, due: Timestamp)
        /// The same attempt again, not before `due`: an endpoint's cap or open breaker keeps it waiting. Uses up nothing.
        case postponed(due: Timestamp)
    }

    public var record: LaneRecord
    /// The audit row of what was done; nil where nothing was (postponed).
    public var audit: AttemptRecord?
    public var next: Next

    public init(record: LaneRecord, audit: AttemptRecord?, next: Next) {
        self.record = record
        self.audit = audit
        self.next = next
    }
}

/// Adds single lane records beside the fan-out: redeliver, resend.
public protocol LaneAppender: Sendable {
    /// Returns when the records are durable.
    func append(_ deliveries: [RequestedDelivery]) async throws(BackboneError)
}

/// A delivery that somebody asked for.
public struct RequestedDelivery: Sendable {
    public var row: FeedRow
    public var endpoint: EndpointID
    public var cause: Cause
    public var configVersion: Int64
    /// The exact bytes; `row.envelope` may be nil.
    public var envelope: [UInt8]

    public init(row: FeedRow, endpoint: EndpointID, cause: Cause, configVersion: Int64, envelope: [UInt8]) {
        self.row = row
        self.endpoint = endpoint
        self.cause = cause
        self.configVersion = configVersion
        self.envelope = envelope
    }
}
