public import EventModel

/// The matcher's side of the seam: puts events on the feed (Kafka), hands out the rows that are stored and not yet fanned
/// out, and takes their deliveries.
///
/// Ownership, epochs and take-overs are the implementation's. A batch is a contiguous stretch of the feed as this process
/// reads it; batches are completed in the order in which they were handed out.
///
///     while let batch = try await fanOut.next() {
///         try await configuration.reach(batch.configVersion)
///         try await fanOut.complete(batch, deliveries: match(batch.rows))
///     }
public protocol FanOut: Sendable {
    /// Owns partitions and serves until `shutdown`.
    func run() async throws

    /// Hands out nothing more (`next` answers nil), waits for the batch that is out, gives the partitions back, and lets
    /// `run` return. Cancelling the task of `run` gives up at once, as kill -9 would.
    func shutdown() async

    /// True once this process owns partitions or knows that others own them all.
    var isReady: Bool { get }

    /// The next rows, as soon as there are any. Nil once the process is shutting down.
    func next() async throws -> FanOutBatch?

    /// Appends the deliveries to their lanes and moves `fanned` behind the batch. Returns when both are durable. Rows of
    /// parts that were lost meanwhile are left to their new owner. Retries by itself while the log or store is away.
    func complete(_ batch: FanOutBatch, deliveries: [LaneDelivery]) async throws
}

/// Rows of the feed, in order of `pos`, that wait for their fan-out.
public struct FanOutBatch: Sendable {
    public var rows: [FeedRow]
    /// The configuration version of the snapshot that the rows were read in: the matcher loads up to it first.
    public var configVersion: Int64
    /// The implementation's own mark.
    public var token: UInt64

    public init(rows: [FeedRow], configVersion: Int64, token: UInt64) {
        self.rows = rows
        self.configVersion = configVersion
        self.token = token
    }
}

/// What matching needs to know of a stored event.
public struct FeedRow: Sendable {
    public var pos: Int64
    public var part: Int
    public var id: EventID
    public var tenant: TenantID
    public var type: String
    public var onlyEndpoint: EndpointID?
    public var exceptEndpoint: EndpointID?
    /// When the feed stored it.
    public var recordedAt: Timestamp
    /// Present where the implementation has it at hand (Kafka); lanes on Postgres point to the feed instead.
    public var envelope: [UInt8]?
    /// When the log took it, where it is not the feed that did and it is known.
    public var acceptedAt: Timestamp?
    public var trace: EventTrace?

    public init(
        pos: Int64, part: Int, id: EventID, tenant: TenantID, type: String, onlyEndpoint: EndpointID?,
        exceptEndpoint: EndpointID?, recordedAt: Timestamp, envelope: [UInt8]?, acceptedAt: Timestamp? = nil,
        trace: EventTrace? = nil
    ) {
        self.pos = pos
        self.part = part
        self.id = id
        self.tenant = tenant
        self.type = type
        self.onlyEndpoint = onlyEndpoint
        self.exceptEndpoint = exceptEndpoint
        self.recordedAt = recordedAt
        self.envelope = envelope
        self.acceptedAt = acceptedAt
        self.trace = trace
    }
}

/// One delivery that the matcher decided on.
public struct LaneDelivery: Sendable {
    /// Index into the batch's rows.
    public var row: Int
    public var endpoint: EndpointID
    public var cause: Cause

    public init(row: Int, endpoint: EndpointID, cause: Cause) {
        self.row = row
        self.endpoint = endpoint
        self.cause = cause
    }
}
