public import Database
public import Observability
public import Store

/// More partitions for the topics of an installation whose services are stopped.
///
/// Events stay where they lie. What waits in the lanes is appended once more, each record in the lane that is its endpoint's
/// now, and the group's offsets move behind what there was: so nobody is left to deliver from the old place. The steps are
/// kept in the database: what is killed between any two goes on where it was, and no service starts meanwhile.
public struct KafkaGrowth: Sendable {
    /// Where it may be ended from outside, as by a kill.
    public enum Step: Sendable, Hashable, CaseIterable {
        case begun, extended, planned
        /// After each batch.
        case moving
        case moved, committed
    }

    private let connection: KafkaConnection
    private let topics: KafkaTopics
    private let admin: KafkaAdmin
    private let log: Logger
    private let metrics: MetricsRegistry
    /// Records that are appended together.
    public var batchRecords = 2_000
    /// Told after each step; what it throws ends the growth there. For tests.
    public var onStep: @Sendable (Step) throws -> Void = { _ in }

    /// As `KafkaLanes` consumes them.
    private var laneGroup: String { topics.prefix + "delivery" }
    private var groups: [String] { ["matcher", "delivery", "projector"].map { topics.prefix + $0 } }

    /// - Parameter prefix: of topics and groups.
    /// - Throws: `configuration`.
    public init(
        _ connection: KafkaConnection, prefix: String, log: Logger, metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.connection = connection
        self.log = log
        self.metrics = metrics
        topics = KafkaTopics(prefix: prefix)
        admin = try KafkaAdmin(connection, timeout: Self.patience, log: log, metrics: metrics)
    }

    /// Several hundred partitions take their time.
    private static let patience: Duration = .seconds(60)

    public func shutdown() { admin.shutdown() }

    // MARK: Looking

    /// Nil before the first service has made the topics.
    public func counts() async throws(KafkaError) -> PartitionCounts? {
        guard let events = try await admin.describe(topics.events),
            let lanes = try await admin.describe(topics.deliveries)
        else { return nil }
        return PartitionCounts(events: events.partitions, lanes: lanes.partitions)
    }

    /// Who consumes the topics.
    public func members() async throws(KafkaError) -> [String] {
        var all: [String] = []
        for group in groups {
            for member in try await admin.members(of: group) { all.append("\(member) is in the group \(group)") }
        }
        return all
    }

    // MARK: Growing

    /// Begins a growth, or goes on with one.
    ///
    /// - Parameter database: A session that keeps others from the same (`PartitionGrowth.lock`).
    public func grow(
        _ database: some StatementExecutor, _ growth: PartitionGrowth.Unfinished
    ) async throws -> PartitionGrowth.Moved {
        try await PartitionGrowth.begin(database, growth)
        try onStep(.begun)
        try await extend(to: growth.to)
        try onStep(.extended)
        var moved = PartitionGrowth.Moved()
        if growth.to.lanes > growth.from.lanes {
            var tails = try await PartitionGrowth.tails(database)
            let mayBeRepeated = !tails.isEmpty
            if tails.isEmpty {
                tails = try await self.tails(of: growth.from.lanes)
                try await PartitionGrowth.keep(database, tails)
            }
            try onStep(.planned)
            moved = try await move(tails, lanes: growth.to.lanes, mayBeRepeated: mayBeRepeated)
            try onStep(.moved)
            try await admin.commit(
                Dictionary(
                    uniqueKeysWithValues: tails.map {
                        (TopicPartition($0.topic, Int32($0.part)), $0.offsets.upperBound)
                    }), for: laneGroup)
            try onStep(.committed)
        }
        moved.cursors = try await PartitionGrowth.finish(database, to: growth.to).cursors
        return moved
    }

    /// Tells what `grow` would move, and changes nothing.
    public func rehearse(
        _ database: some StatementExecutor, _ growth: PartitionGrowth.Unfinished
    ) async throws -> PartitionGrowth.Moved {
        var moved = PartitionGrowth.Moved()
        if growth.to.lanes > growth.from.lanes {
            let kept = try await PartitionGrowth.tails(database)
            let tails = kept.isEmpty ? try await self.tails(of: growth.from.lanes) : kept
            moved = try await mover(growth.to.lanes).move(tails, to: nil, mayBeRepeated: false)
        }
        moved.cursors = try await PartitionGrowth.finish(database, to: growth.to, rehearsing: .after(growth)).cursors
        return moved
    }

    private func extend(to counts: PartitionCounts) async throws(KafkaError) {
        try await admin.grow(
            [(topics.events, counts.events), (topics.runs, counts.events), (topics.deliveries, counts.lanes)]
                + topics.delays.map { ($0, counts.lanes) })
    }

    /// What nobody has finished of the lanes and their companions.
    private func tails(of lanes: Int) async throws(KafkaError) -> [PartitionGrowth.Tail] {
        let partitions = ([topics.deliveries] + topics.delays).flatMap { topic in
            (0..<lanes).map { TopicPartition(topic, Int32($0)) }
        }
        let committed = try await admin.committed(by: laneGroup, of: partitions)
        let there = try await admin.offsets(of: partitions)
        return partitions.map { partition in
            let range = there[partition] ?? 0..<0
            let from = max(range.lowerBound, committed[partition] ?? range.lowerBound)
            return PartitionGrowth.Tail(
                topic: partition.topic, part: Int(partition.partition),
                offsets: min(from, range.upperBound)..<range.upperBound)
        }
    }

    private func move(
        _ tails: [PartitionGrowth.Tail], lanes: Int, mayBeRepeated: Bool
    ) async throws -> PartitionGrowth.Moved {
        var settings = KafkaProducerSettings(connection: connection)
        settings.role = "growth"
        settings.deliveryTimeout = Self.patience
        let producer = try KafkaProducer(settings, log: log, metrics: metrics)
        do {
            try await producer.prepare(topics: [topics.deliveries] + topics.delays, timeout: Self.patience)
            let moved = try await mover(lanes).move(tails, to: producer, mayBeRepeated: mayBeRepeated)
            await producer.shutdown(within: .zero)
            return moved
        } catch {
            await producer.shutdown(within: .zero)
            throw error
        }
    }

    private func mover(_ lanes: Int) -> LaneTailMover {
        LaneTailMover(
            topics: topics, admin: admin, connection: connection, log: log, metrics: metrics, lanes: lanes,
            batchRecords: batchRecords, onBatch: { [onStep] in try onStep(.moving) })
    }
}
