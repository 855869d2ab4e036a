/// How a consumer behaves; the defaults are the delivery lanes'.
public struct KafkaConsumerSettings: Sendable {
    /// Where the partitions come from.
    public enum Membership: Sendable {
        /// Partitions of `topics` are shared with the other members of the group; whoever gets partition p of the first
        /// topic also holds partition p of each companion.
        case group(String, topics: [String], companions: [KafkaCompanion] = [])
        /// These partitions, alone, without commits: tests, `tail`.
        case fixed([TopicPartition: KafkaStart])
    }

    public var connection: KafkaConnection
    public var membership: Membership
    /// The consumer's name in metrics, a word of a closed set.
    public var role = "consumer"
    /// Bytes fetched and not taken yet. Full: everything pauses; half empty: it goes on.
    public var ringBytes = 24 << 20
    /// How long the coordinator waits for a sign of life before it gives the partitions to others.
    public var sessionTimeout: Duration = .seconds(6)
    /// How often a sign of life is sent, and so how soon a rebalance is noticed: partitions on the move were without an
    /// owner for 3 s at librdkafka's default, 0.5 s at this.
    public var heartbeat: Duration = .milliseconds(500)
    /// What is taken off the lease: the time between asking for it and the first byte on the wire, and clock drift.
    public var leaseMargin: Duration = .seconds(1)
    /// Positions are committed this often, also when none moved: the acknowledged commit is the lease.
    public var commitInterval: Duration = .seconds(1)
    /// Companions' positions are committed anew this often: nobody subscribes to those topics, so the broker forgets
    /// their offsets (7 days by default) even while the group lives.
    public var recommitInterval: Duration = .seconds(3600)
    /// The longest drain before revoked partitions are given back.
    public var drainLimit: Duration = .seconds(2)
    /// The longest the broker holds a fetch that finds nothing. A partition that is resumed or added joins the next
    /// fetch, so this also bounds that delay; an idle client asks once an interval.
    public var fetchWait: Duration = .milliseconds(100)
    /// How often the end of a private companion is looked at, although nothing is expected there.
    public var parkedLook: Duration = .seconds(10)
    public var statisticsInterval: Duration = .seconds(10)

    public init(connection: KafkaConnection, membership: Membership) {
        self.connection = connection
        self.membership = membership
    }

    /// Names in the order of `PartitionClaim.topic`.
    var topicNames: [String] {
        switch membership {
        case .group(_, let topics, let companions): topics + companions.map(\.topic)
        case .fixed(let partitions): Set(partitions.keys.map(\.topic)).sorted()
        }
    }

    /// The companion behind a topic, in the order of `PartitionClaim.topic`; nil for the group's own topics.
    var companions: [KafkaCompanion?] {
        switch membership {
        case .group(_, let topics, let companions): topics.map { _ in nil } + companions
        case .fixed: topicNames.map { _ in nil }
        }
    }

    var properties: [(String, String)] {
        var properties = ClientProperties.common(connection, statistics: statisticsInterval)
        switch membership {
        case .group(let group, _, _):
            properties += [
                ("group.id", group),
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("session.timeout.ms", "\(sessionTimeout.wholeMilliseconds)"),
                ("heartbeat.interval.ms", "\(heartbeat.wholeMilliseconds)"),
                // Also the time that a rebalance waits for a member which does not answer.
                ("max.poll.interval.ms", "\(max(Self.longestPollGap, sessionTimeout.wholeMilliseconds))"),
            ]
        case .fixed:
            // librdkafka wants a name even where no group is joined.
            properties.append(("group.id", "\(connection.clientID).fixed"))
        }
        return properties + [
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "earliest"),
            // The end of a partition is told, so that one that nobody else writes to can be left alone.
            ("enable.partition.eof", "true"),
            ("fetch.min.bytes", "1"),
            ("fetch.wait.max.ms", "\(fetchWait.wholeMilliseconds)"),
            ("fetch.error.backoff.ms", "50"),
            // Small answers: what a pause throws away is fetched again.
            ("fetch.max.bytes", "\(4 << 20)"),
            ("max.partition.fetch.bytes", "\(1 << 20)"),
            ("receive.message.max.bytes", "\(2 * KafkaConnection.largestRecord + ClientProperties.recordFraming)"),
            // Only a safety net: our thread empties librdkafka's queue at once, and a full one backs off for a second.
            ("queued.max.messages.kbytes", "32768"),
        ]
    }

    private static let longestPollGap = 30_000
}

/// A topic whose partitions follow those of the group's first topic, number by number.
public struct KafkaCompanion: Sendable {
    public let topic: String
    /// The most records of a partition that may be handed out and not done; at this many it pauses, at half it goes on.
    public let heldRecords: Int?
    /// Only the owner of a partition appends to it, and says so by `KafkaConsumer.expect`. At its end such a partition is
    /// left out of the fetches: each fetch names all others, and with 288 idle companions in it the broker spent twice
    /// the CPU, and 256 MB of heap were not enough. It is looked at every 10 s all the same, for what a former owner left.
    public let isPrivate: Bool

    public init(topic: String, heldRecords: Int? = nil, isPrivate: Bool = false) {
        self.topic = topic
        self.heldRecords = heldRecords
        self.isPrivate = isPrivate
    }
}

/// Where reading a partition starts.
public enum KafkaStart: Hashable, Sendable {
    /// The first offset to be read.
    case offset(Int64)
    /// Where the group's commit says; the oldest record when nothing is committed.
    case committed
    case earliest
    case latest
}

/// One ownership of one partition, from its assignment to its revocation. What is known under one claim means nothing
/// under the next of the same partition.
public struct PartitionClaim: Hashable, Sendable, CustomStringConvertible {
    /// Which topic: an index into the settings' topics, followed by the companions.
    public let topic: Int
    public let partition: Int32
    /// Rises with every assignment of this consumer.
    public let generation: UInt32

    public var description: String { "\(topic):\(partition)#\(generation)" }
}

/// What changed in what this member owns.
public enum KafkaRebalance: Sendable, Equatable {
    /// New claims; reading begins with `KafkaConsumer.start`. May be empty: the group has nothing (more) for us.
    case assigned([PartitionClaim])
    /// Claims to be given back: drain what is in hand, `advance`, then `KafkaConsumer.handBack`, within the drain limit.
    case revoked([PartitionClaim])
    /// Claims that are already another's: stop at once, nothing can be committed.
    case lost([PartitionClaim])
}
