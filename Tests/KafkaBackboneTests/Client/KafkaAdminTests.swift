internal import KafkaBackbone
internal import TestSupport
internal import Testing

@Suite(.enabled(if: TestKafka.isAvailable, "there is no Kafka"), .timeLimit(.minutes(2)))
struct KafkaAdminTests {
    @Test func `topics are made once, with what was asked for`() async throws {
        let fixture = try #require(try await KafkaFixture.shared())
        let admin = try fixture.admin()
        defer { admin.shutdown() }
        let name = KafkaFixture.name("made")
        let topic = TopicSpecification(name, partitions: 5, replicas: 1, retention: .seconds(345_600))
        #expect(try await admin.describe(name) == nil)
        try await admin.ensure([topic])
        try await admin.ensure([topic])
        let found = try #require(try await admin.describe(name))
        #expect(found.partitions == 5 && found.replicas == 1)
        let settings = try await admin.settings(of: name)
        #expect(settings["retention.ms"] == "345600000")
        #expect(settings["min.insync.replicas"] == "1")
        #expect(settings["unclean.leader.election.enable"] == "false")
        #expect(Int(settings["max.message.bytes"] ?? "").map { $0 >= 32 << 20 } == true)
        #expect(try await admin.retention(of: name) == .seconds(345_600))
        try await admin.delete([name])
        try await admin.delete([name])
        try await eventually("it is gone") { try await admin.describe(name) == nil }
    }

    @Test func `a topic of another shape is refused`() async throws {
        let fixture = try #require(try await KafkaFixture.shared())
        let admin = try fixture.admin()
        defer { admin.shutdown() }
        let name = KafkaFixture.name("shape")
        try await admin.ensure([TopicSpecification(name, partitions: 2, replicas: 1, retention: .seconds(3600))])
        await #expect(throws: KafkaError(.mismatch, "")) {
            try await admin.ensure([TopicSpecification(name, partitions: 3, replicas: 1)])
        }
        await #expect(throws: KafkaError(.mismatch, "")) {
            try await admin.ensure([TopicSpecification(name, partitions: 2, replicas: 1, retention: .seconds(7200))])
        }
        await #expect(throws: KafkaError(.refused, "")) {
            try await admin.ensure([TopicSpecification(KafkaFixture.name("shape"), partitions: 2, replicas: 3)])
        }
    }

    @Test func `offsets say what a partition holds`() async throws {
        let fixture = try #require(try await KafkaFixture.shared())
        let topic = try await fixture.topics("offsets", partitions: 2)[0]
        let admin = try fixture.admin()
        defer { admin.shutdown() }
        try await fixture.produce(0..<7, to: topic, partition: 1)
        let partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
        #expect(try await admin.offsets(of: partitions) == [partitions[0]: 0..<0, partitions[1]: 0..<7])
        #expect(try await admin.committed(by: KafkaFixture.name("nobody"), of: partitions).isEmpty)
    }

    @Test func `a record of 32 MiB goes through`() async throws {
        let fixture = try #require(try await KafkaFixture.shared())
        let topic = try await fixture.topics("large", partitions: 1)[0]
        let producer = try await fixture.producer(topics: [topic])
        let value = [UInt8](repeating: 7, count: KafkaConnection.largestRecord)
        let receipts = try await producer.produce([KafkaRecord(topic: topic, placement: .partition(0), value: value)])
        #expect(receipts.allAcknowledged, "\(receipts.firstFailure)")
        await producer.shutdown(within: .seconds(5))
        let consumer = try fixture.consumer(.fixed([TopicPartition(topic, 0): .earliest]))
        let found = try #require(await consumer.nextRecords())
        #expect(found.count == 1 && found[0].value.count == value.count)
        await consumer.shutdown()
    }

    @Test func `a cluster that is not there is told in time`() async throws {
        let fixture = KafkaFixture("127.0.0.1:\(FreePorts.one())")
        let admin = try KafkaAdmin(
            fixture.connection, timeout: .milliseconds(500), log: fixture.log, metrics: fixture.metrics)
        defer { admin.shutdown() }
        await #expect(throws: KafkaError(.timedOut, "")) { try await admin.describe("t") }
        await #expect(throws: KafkaError(.timedOut, "")) {
            try await admin.create([TopicSpecification("t", partitions: 1, replicas: 1)])
        }
    }
}
