public import Database

/// How the backbone on Postgres works; one value for a whole process.
///
/// | property | default | meaning |
/// |---|---|---|
/// | `database` | – | where; its timeouts are replaced by those that each role needs |
/// | `member` | – | names this process among the holders of leases; new at every start |
/// | `eventPartitions` | 12 | as many as the installation has |
/// | `lanePartitions` | 48 | as many as the installation has |
/// | `dedupeWindow` | 24 h | 24 h to 7 days |
/// | `lease` | 6 s, 2 s, 1 s | time to live, renewal, margin |
/// | `window` | 4 096 records, 24 MiB | what is out for delivery at a time |
public struct PostgresBackboneConfiguration: Sendable {
    public var database: DatabaseConfiguration
    public var member: String
    public var eventPartitions: Int
    public var lanePartitions: Int
    public var dedupeWindow: Duration
    public var lease = LeaseTimes()
    public var window = Window()
    public var appending = Appending()

    /// Times of a lease. The holder believes in it for less long than the others wait before they take over.
    public struct LeaseTimes: Sendable {
        public var timeToLive: Duration
        public var renewal: Duration
        /// What is left between the end of our belief and the end of the lease, for clocks that run unevenly.
        public var margin: Duration

        public init(
            timeToLive: Duration = .seconds(6), renewal: Duration = .seconds(2), margin: Duration = .seconds(1)
        ) {
            self.timeToLive = timeToLive
            self.renewal = renewal
            self.margin = margin
        }
    }

    /// Bounds of what is out for delivery.
    public struct Window: Sendable {
        public var records: Int
        public var bytes: Int
        /// Waiting attempts that are out or in memory because they are due.
        public var dueRecords: Int
        /// A head that is older than this while the window is over half full is moved out of the way.
        public var stuckAfter: Duration
        /// When the copy of a record that was moved out of the way may be sent: after any exchange has ended.
        public var relocationDelay: Duration
        /// Outcomes that wait to be recorded.
        public var outcomes: Int
        /// How long a shutdown or a hand-over waits for what is out.
        public var drain: Duration

        public init(
            records: Int = 4_096, bytes: Int = 24 << 20, dueRecords: Int = 1_000,
            stuckAfter: Duration = .milliseconds(500), relocationDelay: Duration = .seconds(45),
            outcomes: Int = 8_192, drain: Duration = .seconds(2)
        ) {
            self.records = records
            self.bytes = bytes
            self.dueRecords = dueRecords
            self.stuckAfter = stuckAfter
            self.relocationDelay = relocationDelay
            self.outcomes = outcomes
            self.drain = drain
        }
    }

    /// Bounds of what waits to be appended.
    public struct Appending: Sendable {
        /// Of one call.
        public var batchEvents: Int
        public var batchBytes: Int
        /// Of what waits; beyond it `append` is refused as overloaded.
        public var queuedEvents: Int
        public var queuedBytes: Int
        /// How long a call may take, and how long events wait for one, before they are refused.
        public var patience: Duration

        public init(
            batchEvents: Int = 1_000, batchBytes: Int = 4 << 20, queuedEvents: Int = 20_000,
            queuedBytes: Int = 48 << 20, patience: Duration = .seconds(2)
        ) {
            self.batchEvents = batchEvents
            self.batchBytes = batchBytes
            self.queuedEvents = queuedEvents
            self.queuedBytes = queuedBytes
            self.patience = patience
        }
    }

    public init(
        database: DatabaseConfiguration, member: String, eventPartitions: Int = 12, lanePartitions: Int = 48,
        dedupeWindow: Duration = .seconds(86_400)
    ) {
        self.database = database
        self.member = member
        self.eventPartitions = eventPartitions
        self.lanePartitions = lanePartitions
        self.dedupeWindow = dedupeWindow
    }
}

/// Topics of the backbone, as rows of `progress` and `leases` and as channels for wake-ups.
enum Topic {
    static let events = "events"
    static let deliveries = "deliveries"
}
