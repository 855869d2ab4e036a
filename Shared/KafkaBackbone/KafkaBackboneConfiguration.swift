public import Database

/// How the backbone on Kafka works; one value for a whole process.
///
/// | property | default | meaning |
/// |---|---|---|
/// | `connection` | – | where the brokers are |
/// | `topics` | 12, 48, 12 partitions | names and shapes of the topics, as the installation has them |
/// | `member` | – | names this process in logs; new at every start |
/// | `database` | – | where the feed is |
/// | `dedupeWindow` | 24 h | 24 h to 7 days |
/// | `membership` | 6 s, 500 ms, 1 s | session, heartbeat, margin of the lease |
/// | `window` | 4 096 records, 24 MiB | what is out for delivery at a time |
public struct KafkaBackboneConfiguration: Sendable {
    public var connection: KafkaConnection
    public var topics: KafkaTopics
    public var member: String
    public var database: DatabaseConfiguration
    public var dedupeWindow: Duration
    public var membership = Membership()
    public var window = Window()
    public var appending = Appending()
    public var projection = Projection()

    /// How this process belongs to its consumer groups.
    public struct Membership: Sendable {
        /// How long the coordinator waits for a sign of life before it gives the partitions to others.
        public var sessionTimeout: Duration
        public var heartbeat: Duration
        /// What is taken off the lease.
        public var margin: Duration

        public init(
            sessionTimeout: Duration = .seconds(6), heartbeat: Duration = .milliseconds(500),
            margin: Duration = .seconds(1)
        ) {
            self.sessionTimeout = sessionTimeout
            self.heartbeat = heartbeat
            self.margin = margin
        }
    }

    /// Bounds of what is out for delivery.
    public struct Window: Sendable {
        public var records: Int
        public var bytes: Int
        /// Records of a delay partition that are in memory or out. What a full one had fetched beyond it is fetched again, at
        /// 64 eleven records for each that was taken.
        public var dueRecords: Int
        /// Records that the worker gets at a time, so that it can leave the rest where they are.
        public var handOut: Int
        /// A head that is older than this while the window is over half full is moved out of the way.
        public var stuckAfter: Duration
        /// When the copy of a record that was moved out of the way may be sent: after any exchange has ended.
        public var relocationDelay: Duration
        /// Attempts that go on although their records were moved out of the way.
        public var relocations: Int
        /// Outcomes that wait to be recorded.
        public var outcomes: Int
        /// How long a shutdown or a hand-over waits for what is out.
        public var drain: Duration

        public init(
            records: Int = 4_096, bytes: Int = 24 << 20, dueRecords: Int = 256, handOut: Int = 512,
            stuckAfter: Duration = .milliseconds(500), relocationDelay: Duration = .seconds(45),
            relocations: Int = 1_000, outcomes: Int = 8_192, drain: Duration = .seconds(2)
        ) {
            self.records = records
            self.bytes = bytes
            self.dueRecords = dueRecords
            self.handOut = handOut
            self.stuckAfter = stuckAfter
            self.relocationDelay = relocationDelay
            self.relocations = relocations
            self.outcomes = outcomes
            self.drain = drain
        }
    }

    /// Bounds of what is on its way into the log.
    public struct Appending: Sendable {
        /// Bytes that are not acknowledged yet; beyond it `append` is refused as overloaded.
        public var inFlightBytes: Int
        /// The longest time until a record's outcome is known.
        public var deliveryTimeout: Duration
        /// How long the look-up of duplicates may take, and how long it is left out after it took longer.
        public var lookUpLimit: Duration
        public var lookUpPause: Duration
        /// Acknowledged keys that are remembered.
        public var rememberedKeys: Int

        public init(
            inFlightBytes: Int = 32 << 20, deliveryTimeout: Duration = .seconds(4),
            lookUpLimit: Duration = .milliseconds(20), lookUpPause: Duration = .seconds(5),
            rememberedKeys: Int = 200_000
        ) {
            self.inFlightBytes = inFlightBytes
            self.deliveryTimeout = deliveryTimeout
            self.lookUpLimit = lookUpLimit
            self.lookUpPause = lookUpPause
            self.rememberedKeys = rememberedKeys
        }
    }

    /// How audit records are gathered.
    public struct Projection: Sendable {
        public var batchRecords: Int
        /// How long a batch waits for more while records come, and while hardly any do.
        public var linger: Duration
        public var idleLinger: Duration

        public init(
            batchRecords: Int = 1_000, linger: Duration = .milliseconds(20), idleLinger: Duration = .milliseconds(2)
        ) {
            self.batchRecords = batchRecords
            self.linger = linger
            self.idleLinger = idleLinger
        }
    }

    public init(
        connection: KafkaConnection, member: String, database: DatabaseConfiguration,
        topics: KafkaTopics = KafkaTopics(), dedupeWindow: Duration = .seconds(86_400)
    ) {
        self.connection = connection
        self.member = member
        self.database = database
        self.topics = topics
        self.dedupeWindow = dedupeWindow
    }
}

extension KafkaBackboneConfiguration {
    /// A consumer's settings in the group `group`.
    func consumer(
        group: String, role: String, topic: String, companions: [KafkaCompanion] = [], drain: Duration
    ) -> KafkaConsumerSettings {
        var settings = KafkaConsumerSettings(
            connection: connection,
            membership: .group(topics.prefix + group, topics: [topic], companions: companions))
        settings.role = role
        settings.sessionTimeout = membership.sessionTimeout
        settings.heartbeat = membership.heartbeat
        settings.leaseMargin = membership.margin
        settings.drainLimit = drain
        settings.ringBytes = window.bytes / 3
        // What a process did after its last commit is done again by the next when it dies.
        settings.commitInterval = Self.commitInterval
        return settings
    }

    /// A producer's settings for records that are repeated until they are in the log.
    func producer(role: String) -> KafkaProducerSettings {
        var settings = KafkaProducerSettings(connection: connection)
        settings.role = role
        // What goes on for longer than any outage of a broker is repeated by librdkafka, without twins.
        settings.deliveryTimeout = Self.patience
        settings.inFlightBytes = 2 * window.bytes
        return settings
    }

    private static let patience: Duration = .seconds(30)
    private static let commitInterval: Duration = .milliseconds(250)
}

/// The backbone's topics as rows of `progress`, whatever the brokers call them.
enum Topic {
    static let events = "events"
    static let audit = "audit"
}
