import Backbone
import Database
import EventModel
import KafkaBackbone
import Observability
import Store
import TestSupport
import Testing

/// More partitions on Kafka: what waits in the lanes waits once, in the lane that is its endpoint's now, wherever the
/// operation was killed.
@Suite(.serialized, .enabled(if: TestKafka.isAvailable, "there is no Kafka (KAFKA_HOME)"))
struct KafkaGrowthTests {
    private struct Killed: Error {}

    @Test(.timeLimit(.minutes(3)), arguments: [nil] + KafkaGrowth.Step.allCases.map(Optional.some))
    func `what waits moves once, and a growth that was killed goes on`(end: KafkaGrowth.Step?) async throws {
        let stand = try await Stand()
        try await stand.furnish()
        let expected = try await stand.expected()
        let growth = PartitionGrowth.Unfinished(from: Stand.old, to: Stand.new)
        try await stand.session { session, work in
            var work = work
            work.batchRecords = 7
            let rehearsed = try await work.rehearse(session, growth)
            #expect(rehearsed.deliveries == 30 && rehearsed.attempts == 32 && rehearsed.cursors == 1)
            #expect(try await PartitionGrowth.unfinished(session) == nil)
            #expect(try await work.counts() == Stand.old)

            if let end {
                let seen = TestCollector<KafkaGrowth.Step>()
                var killed = work
                killed.onStep = { step in
                    seen.append(step)
                    // In the middle: three batches of seven are there.
                    if step == end, step != .moving || seen.values.count(where: { $0 == .moving }) == 3 {
                        throw Killed()
                    }
                }
                await #expect(throws: Killed.self) { try await killed.grow(session, growth) }
                #expect(try await PartitionGrowth.unfinished(session) == growth)
            }
            let moved = try await work.grow(session, growth)
            #expect(moved.cursors == 1 && moved.deliveries == 30 && moved.attempts == 32)
            #expect(try await PartitionGrowth.unfinished(session) == nil)
            #expect(try await PartitionGrowth.tails(session).isEmpty)
            #expect(try await work.counts() == Stand.new)
        }
        #expect(try await stand.waiting() == expected)
        let lane = Stand.endpoint(0).lane(of: Stand.new.lanes)
        let parts = try await stand.pool.execute(Statement("growth.cursor", "select part from fanfare.cursors"))
        #expect(Int(parts.int32(0, 0)) == lane)
        try await stand.end()
    }

    @Test(.timeLimit(.minutes(2))) func `members of the groups are named, and gone once they have left`() async throws {
        let stand = try await Stand()
        try await stand.session { session, work in
            #expect(try await work.members() == [])
            let consumer = try KafkaConsumer(
                KafkaConsumerSettings(
                    connection: stand.connection,
                    membership: .group(stand.topics.prefix + "matcher", topics: [stand.topics.events])),
                log: KafkaInstallation.logger, metrics: MetricsRegistry())
            try await eventually("it is a member", within: .seconds(60)) { try await work.members().count == 1 }
            #expect(try await work.members().first?.hasSuffix("is in the group \(stand.topics.prefix)matcher") == true)
            await consumer.shutdown()
            try await eventually("it has left", within: .seconds(60)) { try await work.members().isEmpty }
        }
        try await stand.end()
    }
}

/// Topics and a database, and what waits in them.
private struct Stand {
    static let old = PartitionCounts(events: 2, lanes: 3)
    static let new = PartitionCounts(events: 3, lanes: 5)

    static func endpoint(_ number: Int) -> EndpointID { TestEvents.endpoint(number) }

    let connection: KafkaConnection
    let topics: KafkaTopics
    let database: TestDatabase
    let pool: ConnectionPool
    let admin: KafkaAdmin

    init() async throws {
        guard let kafka = try await TestKafka.shared() else { throw NoKafka() }
        connection = KafkaConnection(bootstrapServers: kafka.address, clientID: "test")
        database = try await TestDatabase.make(migrations: Schema.migrations)
        pool = database.pool()
        topics = KafkaTopics(
            prefix: "\(database.name).\(UInt32.random(in: 0...UInt32.max)).", eventPartitions: Self.old.events,
            lanePartitions: Self.old.lanes, auditPartitions: 1)
        admin = try KafkaAdmin(
            connection, timeout: .seconds(60), log: KafkaInstallation.logger, metrics: MetricsRegistry())
        try await topics.ensure(connection, log: KafkaInstallation.logger, metrics: MetricsRegistry())
    }

    func end() async throws {
        try await admin.delete(topics.all)
        admin.shutdown()
        await pool.shutdown()
        try await database.drop()
    }

    func session(_ body: (Session, KafkaGrowth) async throws -> Void) async throws {
        let growth = try KafkaGrowth(
            connection, prefix: topics.prefix, log: KafkaInstallation.logger, metrics: MetricsRegistry())
        defer { growth.shutdown() }
        try await pool.withConnection { session in
            try await PartitionGrowth.lock(session)
            try await body(session, growth)
        }
    }

    /// What a record is, as far as it has to be kept; `tier` counts from 0, -1 is `deliveries`.
    struct Waiting: Hashable, Comparable {
        var tier: Int
        var lane: Int
        var text: String

        static func < (left: Waiting, right: Waiting) -> Bool {
            (left.tier, left.lane, left.text) < (right.tier, right.lane, right.text)
        }
    }

    private static func body(
        _ number: Int, attempt: Int = 1, dueIn seconds: Int64? = nil, relocation: Int64? = nil
    ) -> LaneRecordBody {
        let now = SystemClock().now()
        return LaneRecordBody(
            endpoint: endpoint(number % 10), event: EventID(Ulid(high: 1, low: UInt64(number))),
            tenant: TenantID(Ulid(high: 0, low: 1)), type: "a", pos: Int64(number), cause: .live, attempt: attempt,
            configVersion: 1, recordedAt: now, firstDueAt: now, due: seconds.map { now.adding(seconds: $0) },
            relocation: relocation, envelope: Array("{}".utf8))
    }

    /// Seconds until a record is due, and the tier that it belongs to then.
    private static let dues: [(seconds: Int64, tier: Int)] = [(5_000, 5), (900, 4), (119, 2)]

    /// Ten endpoints with four records each in `deliveries`, of which the first ten are done in part; ten attempts that
    /// wait in the longest tier, whatever is left for them, two copies, of which one is known to be finished, bytes that
    /// are nothing, and a cursor.
    func furnish() async throws {
        var settings = KafkaProducerSettings(connection: connection)
        settings.deliveryTimeout = .seconds(60)
        let producer = try KafkaProducer(settings, log: KafkaInstallation.logger, metrics: MetricsRegistry())
        try await producer.prepare(topics: topics.all, timeout: .seconds(60))
        var batch = KafkaBatch()
        func append(_ topic: String, _ body: LaneRecordBody) {
            batch.append(
                topic: topic, partition: Int32(body.endpoint.lane(of: Self.old.lanes)), key: EmptyCollection<UInt8>()
            ) { body.write(to: &$0) }
        }
        for number in 0..<10 { append(topics.deliveries, Self.body(number)) }
        #expect(try await producer.produce(batch).allAcknowledged)
        let partitions = (0..<Self.old.lanes).map { TopicPartition(topics.deliveries, Int32($0)) }
        try await admin.commit(
            try await admin.offsets(of: partitions).mapValues(\.upperBound), for: topics.prefix + "delivery")

        batch = KafkaBatch()
        for number in 10..<40 { append(topics.deliveries, Self.body(number)) }
        for number in 0..<30 {
            append(topics.delays[5], Self.body(number, attempt: 2, dueIn: Self.dues[number % 3].seconds))
        }
        append(topics.delays[0], Self.body(40, relocation: 77))
        append(topics.delays[2], Self.body(41, dueIn: 119, relocation: 78))
        append(topics.delays[2], Self.body(42, dueIn: 119, relocation: 79))
        let ended = Int32(Self.body(42).endpoint.lane(of: Self.old.lanes))
        batch.append(topic: topics.delays[0], partition: ended, key: EmptyCollection<UInt8>()) {
            FinishedCopy(relocation: 79).write(to: &$0)
        }
        batch.append(topic: topics.deliveries, partition: 1, value: [0xFF])
        #expect(try await producer.produce(batch).allAcknowledged)
        await producer.shutdown(within: .seconds(5))
        try await pool.script(
            """
            insert into fanfare.cursors (id, kind, tenant_id, endpoint_id, part, cause, from_pos, pos)
            values ('cur_1', 'span', 'acme', '\(Self.endpoint(0))', 7, 'live', 7, 6)
            """)
    }

    /// What `waiting` is to tell after the growth.
    func expected() async throws -> [Waiting] {
        var all: [Waiting] = []
        func expect(_ tier: Int, _ body: LaneRecordBody) {
            all.append(Waiting(tier: tier, lane: body.endpoint.lane(of: Self.new.lanes), text: Self.text(body)))
        }
        for number in 10..<40 { expect(-1, Self.body(number)) }
        for number in 0..<30 { expect(Self.dues[number % 3].tier, Self.body(number, attempt: 2)) }
        expect(0, Self.body(40, relocation: 77))
        expect(2, Self.body(41, relocation: 78))
        all.append(Waiting(tier: -1, lane: 1, text: "[255]"))
        return all.sorted()
    }

    private static func text(_ body: LaneRecordBody) -> String {
        "\(body.event) to \(body.endpoint), attempt \(body.attempt), copy \(body.relocation ?? 0)"
    }

    /// What the owners of the lanes are to read, by the group's offsets.
    func waiting() async throws -> [Waiting] {
        let names = [topics.deliveries] + topics.delays
        let all = names.flatMap { name in (0..<Self.new.lanes).map { TopicPartition(name, Int32($0)) } }
        // A client remembers how many partitions there were.
        for name in names { _ = try await admin.describe(name) }
        let committed = try await admin.committed(by: topics.prefix + "delivery", of: all)
        let ends = try await admin.offsets(of: all)
        let starts = ends.reduce(into: [TopicPartition: KafkaStart]()) { starts, end in
            let from = committed[end.key] ?? end.value.lowerBound
            if from < end.value.upperBound { starts[end.key] = .offset(from) }
        }
        let count = starts.reduce(into: 0) { count, start in
            if case .offset(let from) = start.value { count += Int((ends[start.key]?.upperBound ?? from) - from) }
        }
        let consumer = try KafkaConsumer(
            KafkaConsumerSettings(connection: connection, membership: .fixed(starts)), log: KafkaInstallation.logger,
            metrics: MetricsRegistry())
        var found: [Waiting] = []
        while found.count < count, let records = await consumer.nextRecords() {
            for record in records {
                let place = consumer.partition(of: record.claim)
                let text = record.withValue { bytes in
                    (try? LaneRecordBody(bytes)).map(Self.text) ?? "\(Array(bytes))"
                }
                found.append(
                    Waiting(tier: (names.firstIndex(of: place.topic) ?? 0) - 1, lane: Int(place.partition), text: text))
            }
        }
        await consumer.shutdown()
        return found.sorted()
    }
}
