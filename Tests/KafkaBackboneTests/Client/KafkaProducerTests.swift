internal import KafkaBackbone
internal import Synchronization
internal import TestSupport
internal import Testing

@Suite(.timeLimit(.minutes(1)))
struct KafkaProducerTests {
    private func mock(partitions: Int = 4) throws -> (KafkaMockCluster, KafkaFixture) {
        let cluster = try KafkaMockCluster()
        cluster.create(topic: "t", partitions: partitions)
        return (cluster, KafkaFixture(cluster.bootstrapServers))
    }

    @Test func `every record of a batch is acknowledged with its partition and offset`() async throws {
        let (cluster, fixture) = try mock()
        defer { withExtendedLifetime(cluster) {} }
        let producer = try await fixture.producer(topics: ["t"])
        var batch = KafkaBatch()
        for number in 0..<100 { batch.append(topic: "t", partition: Int32(number % 4), value: [UInt8(number)]) }
        let receipts = try await producer.produce(batch)
        #expect(receipts.allAcknowledged && receipts.count == 100 && receipts.firstFailure.isEmpty)
        let expected = (0..<100).map { number -> ProduceOutcome in
            .acknowledged(partition: Int32(number % 4), offset: Int64(number / 4))
        }
        #expect(receipts.outcomes == expected)
        #expect(producer.inFlightBytes == 0)
        await producer.shutdown(within: .seconds(1))
    }

    @Test func `keys, values and headers come back as they went, empty ones too`() async throws {
        let (cluster, fixture) = try mock()
        defer { withExtendedLifetime(cluster) {} }
        let producer = try await fixture.producer(topics: ["t"])
        let records = [
            KafkaRecord(
                topic: "t", placement: .partition(1), key: [1, 0, 2], value: [0, 255], headers: [KafkaHeader("h", [7])]),
            KafkaRecord(topic: "t", placement: .partition(1), value: []),
            KafkaRecord(
                topic: "t", placement: .partition(1), key: [9], value: [3],
                headers: [KafkaHeader("a", []), KafkaHeader("a", [1, 0]), KafkaHeader("b", [2])]),
        ]
        #expect(try await producer.produce(records).allAcknowledged)
        await producer.shutdown(within: .seconds(1))
        let consumer = try fixture.consumer(.fixed([TopicPartition("t", 1): .earliest]))
        var found: [KafkaMessage] = []
        while found.count < 3, let next = await consumer.nextRecords() { found += next }
        #expect(found.map { Array($0.key) } == records.map(\.key))
        #expect(found.map { Array($0.value) } == records.map(\.value))
        #expect(found.map(\.headers) == records.map(\.headers))
        #expect(found.map(\.offset) == [0, 1, 2])
        #expect(found.allSatisfy { $0.timestamp > 1_600_000_000_000 })
        #expect(found[0].withValue { Array($0) } == [0, 255])
        #expect(consumer.partition(of: found[0].claim) == TopicPartition("t", 1))
        await consumer.shutdown()
    }

    @Test func `a key's partition is Java's`() async throws {
        let (cluster, fixture) = try mock()
        defer { withExtendedLifetime(cluster) {} }
        let producer = try await fixture.producer(topics: ["t"])
        let receipts = try await producer.produce(
            (0..<20).map { KafkaRecord(topic: "t", key: Array("key-\($0)".utf8), value: [1]) })
        let expected = (0..<20).map { KafkaPartitioner.partition(of: Array("key-\($0)".utf8), count: 4) }
        let found = receipts.map { if case .acknowledged(let partition, _) = $0 { partition } else { Int32(-1) } }
        #expect(found == expected)
        #expect(Set(found).count == 4)
        await producer.shutdown(within: .seconds(1))
    }

    @Test func `records that never left are known not to be in the log`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"]) { $0.deliveryTimeout = .seconds(1) }
        #expect(try await producer.produce(KafkaFixture.batch(0..<3, to: "t", partition: 0)).allAcknowledged)
        cluster.takeDown()
        let receipts = try await producer.produce(KafkaFixture.batch(0..<3, to: "t", partition: 0))
        #expect(receipts.acknowledged == 0 && receipts.firstFailure == "_MSG_TIMED_OUT")
        #expect(receipts.allSatisfy { $0 == .notPersisted })
        cluster.bringUp()
        try await eventually("produces again") {
            try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 0)).allAcknowledged
        }
        await producer.shutdown(within: .seconds(1))
    }

    @Test func `records whose answer is missing may be in the log`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"]) { $0.deliveryTimeout = .seconds(1) }
        #expect(try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 0)).allAcknowledged)
        cluster.delayAnswers(by: .seconds(20))
        let receipts = try await producer.produce(KafkaFixture.batch(0..<3, to: "t", partition: 0))
        #expect(receipts.outcomes == [.possiblyPersisted, .possiblyPersisted, .possiblyPersisted])
        cluster.delayAnswers(by: .zero)
        await producer.shutdown(within: .zero)
    }

    @Test func `a connection that breaks is tried again and repeats nothing`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"])
        // From the first answer on, the broker knows the producer's numbers.
        #expect(try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 0)).allAcknowledged)
        cluster.fail(.produce, with: [.disconnect, .notLeader, .notEnoughReplicas])
        let receipts = try await producer.produce(KafkaFixture.batch(1..<51, to: "t", partition: 0))
        #expect(try await producer.produce(KafkaFixture.batch(51..<52, to: "t", partition: 0)).allAcknowledged)
        let found = try await all(of: fixture, upTo: 51)
        #expect(found == found.sorted() && Set(found).count == found.count, "in order and none twice: \(found)")
        // The batch may go in two requests, one behind the other; of the first nobody can say then what became of it.
        for (index, outcome) in receipts.enumerated() {
            switch outcome {
            case .acknowledged: #expect(found.contains(index + 1), "\(index + 1) is acknowledged and nowhere")
            case .possiblyPersisted: break
            case .notPersisted: #expect(!found.contains(index + 1), "\(index + 1) is in the log after all")
            }
        }
        await producer.shutdown(within: .seconds(1))
    }

    /// Reads what is in partition 0 until the record `last` was seen.
    private func all(of fixture: KafkaFixture, upTo last: Int) async throws -> [Int] {
        let consumer = try fixture.consumer(.fixed([TopicPartition("t", 0): .earliest]))
        var found: [Int] = []
        while !found.contains(last), let next = await consumer.nextRecords() { found += next.map(\.number) }
        await consumer.shutdown()
        return found
    }

    @Test(arguments: 0..<10)
    func `a first request that fails is never called durable when it is not`(turn: Int) async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"])
        cluster.fail(.produce, with: [.notLeader])
        let receipts = try await producer.produce(KafkaFixture.batch(0..<50, to: "t", partition: 0))
        #expect(try await producer.produce(KafkaFixture.batch(50..<51, to: "t", partition: 0)).allAcknowledged)
        var found: Set<Int> = []
        let consumer = try fixture.consumer(.fixed([TopicPartition("t", 0): .earliest]))
        while !found.contains(50), let next = await consumer.nextRecords() { found.formUnion(next.map(\.number)) }
        await consumer.shutdown()
        for (number, outcome) in receipts.enumerated() {
            if case .acknowledged = outcome { #expect(found.contains(number), "\(number) is acknowledged and nowhere") }
        }
        await producer.shutdown(within: .seconds(1))
    }

    @Test func `a refusal of the broker is told`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"])
        cluster.fail(.produce, with: [.notAuthorised])
        let receipts = try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 2))
        #expect(receipts.firstFailure == "TOPIC_AUTHORIZATION_FAILED")
        #expect(receipts.count == 1 && receipts.acknowledged == 0)
        await producer.shutdown(within: .seconds(1))
    }

    @Test func `a producer whose id has failed goes on with another`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"])
        #expect(try await producer.produce(KafkaFixture.batch(0..<5, to: "t", partition: 2)).allAcknowledged)
        cluster.fail(.produce, with: [.outOfOrderSequence])
        // A batch may leave in several requests; the first is the one that fails.
        let receipts = try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 2))
        #expect(receipts.acknowledged == 0)
        try await eventually("produces again") {
            try await producer.produce(KafkaFixture.batch(0..<5, to: "t", partition: 2)).allAcknowledged
        }
        #expect(fixture.sink.lines.contains { $0.contains("failed for good") })
        await producer.shutdown(within: .seconds(1))
    }

    @Test func `what is beyond the bound is refused whole and at once`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"]) { $0.inFlightBytes = 10_000 }
        cluster.delayAnswers(by: .milliseconds(300))
        let outcome = TestCollector<Bool>()
        try producer.produce(KafkaFixture.batch(0..<40, to: "t", partition: 0, padding: 100)) {
            outcome.append($0.allAcknowledged)
        }
        #expect(producer.inFlightBytes > 8000)
        await #expect(throws: KafkaError(.full, "")) {
            try await producer.produce(KafkaFixture.batch(0..<40, to: "t", partition: 0, padding: 100))
        }
        #expect(await outcome.first(1) == [true])
        #expect(producer.inFlightBytes == 0)
        #expect(
            try await producer.produce(KafkaFixture.batch(0..<400, to: "t", partition: 0, padding: 100))
                .allAcknowledged,
            "a batch larger than the bound goes alone")
        await producer.shutdown(within: .seconds(1))
    }

    @Test func `what cannot be placed is refused before anything is sent`() async throws {
        let (cluster, fixture) = try mock()
        defer { withExtendedLifetime(cluster) {} }
        let producer = try await fixture.producer(topics: ["t"])
        var batch = KafkaBatch()
        batch.append(topic: "t", partition: 0, value: [1])
        batch.append(topic: "t", partition: 4, value: [1])
        await #expect(throws: KafkaError(.unknownPartition, "")) { try await producer.produce(batch) }
        await #expect(throws: KafkaError(.unknownTopic, "")) {
            try await producer.produce([KafkaRecord(topic: "u", placement: .partition(0), value: [1])])
        }
        let receipts = try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 0))
        #expect(receipts.outcomes == [.acknowledged(partition: 0, offset: 0)], "nothing came before")
        #expect(try await producer.produce(KafkaBatch()).isEmpty)
        await producer.shutdown(within: .seconds(1))
        await #expect(throws: KafkaError(.closed, "")) {
            try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 0))
        }
    }

    @Test func `a shutdown waits for what is in flight`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"])
        cluster.delayAnswers(by: .milliseconds(200))
        let outcome = TestCollector<Bool>()
        try producer.produce(KafkaFixture.batch(0..<10, to: "t", partition: 0)) { outcome.append($0.allAcknowledged) }
        await producer.shutdown(within: .seconds(5))
        #expect(outcome.values == [true])
    }

    @Test func `a shutdown without an answer ends in time and tells so`() async throws {
        let (cluster, fixture) = try mock()
        let producer = try await fixture.producer(topics: ["t"])
        #expect(try await producer.produce(KafkaFixture.batch(0..<1, to: "t", partition: 0)).allAcknowledged)
        cluster.delayAnswers(by: .seconds(30))
        let outcome = TestCollector<ProduceReceipts>()
        try producer.produce(KafkaFixture.batch(0..<10, to: "t", partition: 0)) { outcome.append($0) }
        let took = await ContinuousClock().measure { await producer.shutdown(within: .milliseconds(100)) }
        #expect(outcome.values.first?.allSatisfy { $0 != .acknowledged(partition: 0, offset: 1) } == true)
        #expect(took < .seconds(5))
        cluster.delayAnswers(by: .zero)
    }

    @Test func `a setting that librdkafka refuses is named without its value`() throws {
        var connection = KafkaConnection(bootstrapServers: "127.0.0.1:1")
        connection.transport = ["sasl.password.nonsense": "hunter2"]
        let fixture = KafkaFixture("127.0.0.1:1")
        do throws(KafkaError) {
            _ = try KafkaProducer(
                KafkaProducerSettings(connection: connection), log: fixture.log, metrics: fixture.metrics)
            Issue.record("was accepted")
        } catch {
            #expect(error.code == .configuration)
            #expect(error.description.contains("sasl.password.nonsense") && !error.description.contains("hunter2"))
        }
    }
}
