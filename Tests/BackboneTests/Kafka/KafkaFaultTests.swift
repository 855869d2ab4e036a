import Backbone
import Database
import EventModel
import KafkaBackbone
import Observability
import TestSupport
import Testing

/// What only Kafka can promise, and what only its brokers can do to it.
@Suite(.serialized, .enabled(if: TestKafka.isAvailable, "there is no Kafka (KAFKA_HOME)"))
struct KafkaFaultTests {
    let contract = BackboneContract<KafkaInstallation> { try await KafkaInstallation() }
    let withOwnServer = BackboneContract<KafkaInstallation> { try await KafkaInstallation(ownsServer: true) }
    let withOwnCluster = BackboneContract<KafkaInstallation> { try await KafkaInstallation(ownsCluster: true) }

    @Test func `sending and retrying go on while the database is away`() async throws {
        try await withOwnServer.withInstallation { installation in
            let one = try await contract.running(
                installation, "one", endpoints: { _ in [TestEvents.endpoint(1), TestEvents.endpoint(2)] },
                outcome: { record in record.attempt > 2 ? .finished : nil })
            try await contract.alongside(one.loops) {
                _ = try await one.process.log.ids(of: TestEvents.make(20))
                try await eventually("40 records") { one.worker.kept.count == 40 }
                try await installation.stopStore()
                let now = SystemClock().now()
                try await one.worker.finish(one.worker.kept, .retry(attempt: 2, due: now.adding(milliseconds: 300)))
                try await eventually("second attempts") { one.worker.kept.count { $0.attempt == 2 } == 40 }
                try await one.worker.finish(
                    one.worker.kept, .retry(attempt: 3, due: SystemClock().now().adding(milliseconds: 1_500)))
                try await eventually("third attempts") { one.worker.sent.count { $0.record.attempt == 3 } == 40 }
                // Accepted meanwhile, stored and delivered afterwards.
                let ids = try await one.process.log.ids(of: TestEvents.make(10))
                try await installation.startStore()
                try await eventually("120 audit rows", within: .seconds(60)) {
                    await installation.auditRowsIfReachable() ?? 0 >= 120
                }
                try await eventually("what was accepted arrives", within: .seconds(60)) {
                    Set(ids).isSubset(of: one.worker.sent.map(\.record.event))
                }
            }
        }
    }

    @Test func `nothing acknowledged is lost when the broker is killed`() async throws {
        try await withOwnCluster.withInstallation { installation in
            let one = try await contract.running(installation, "one")
            let acknowledged = Locked<Set<EventID>>([])
            try await contract.alongside(one.loops) {
                try await withThrowingTaskGroup { group in
                    for _ in 0..<4 {
                        group.addTask {
                            for _ in 0..<40 {
                                do {
                                    let ids = try await one.process.log.ids(of: TestEvents.make(5))
                                    acknowledged.update { $0.formUnion(ids) }
                                } catch  where error is BackboneError || error is NotStored {
                                    // Not acknowledged: nothing is promised.
                                }
                            }
                        }
                    }
                    group.addTask {
                        try await eventually("some events") { acknowledged.value.count > 50 }
                        try await installation.cluster.kafka.kill()
                        try await installation.cluster.kafka.startAgain()
                    }
                    try await group.waitForAll()
                }
                let ids = acknowledged.value
                try await eventually("all \(ids.count) are delivered", within: .seconds(60)) {
                    ids.isSubset(of: one.worker.sent.map(\.record.event))
                }
                let feed = try await installation.feed().map(\.id)
                #expect(Set(feed).count == feed.count)
                #expect(ids.isSubset(of: feed))
                // It goes on as before.
                let more = try await one.process.log.ids(of: TestEvents.make(10))
                try await eventually("more are delivered", within: .seconds(60)) {
                    Set(more).isSubset(of: one.worker.sent.map(\.record.event))
                }
            }
        }
    }

    @Test func `records that nobody can read are parked, and the others go on`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(installation, "one", endpoints: { _ in [TestEvents.endpoint(1)] })
            let producer = try KafkaProducer(
                KafkaProducerSettings(connection: KafkaConnection(bootstrapServers: installation.cluster.address)),
                log: KafkaInstallation.logger, metrics: MetricsRegistry())
            let topics = installation.topics
            try await producer.prepare(topics: topics.all)
            try await contract.alongside(one.loops) {
                var batch = KafkaBatch()
                let poison: [[UInt8]] = [[], [0xFF], [1, 9, 0x7F], Array("{}".utf8)]
                for topic in [topics.events, topics.deliveries, topics.audit, topics.delays[0]] {
                    for value in poison { batch.append(topic: topic, partition: 1, value: value) }
                }
                #expect(try await producer.produce(batch).allAcknowledged)
                // An event that the database cannot hold, between good ones.
                var events = TestEvents.make(20)
                events[7].type = "nul\u{0}"
                _ = try await one.process.log.ids(of: events)
                try await eventually("the good ones are delivered", within: .seconds(40)) {
                    one.worker.sent.count >= 19
                }
                try await eventually("17 are parked", within: .seconds(40)) {
                    try await installation.parkedRecords() == 17
                }
                #expect(try await installation.feed().count == 19)
                _ = try await one.process.log.ids(of: TestEvents.make(5))
                try await eventually("life goes on", within: .seconds(40)) { one.worker.sent.count >= 24 }
            }
            await producer.shutdown(within: .seconds(1))
        }
    }

    @Test func `an audit that cannot be read or stored costs its row, not its event`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(installation, "one", endpoints: { _ in [] })
            let producer = try KafkaProducer(
                KafkaProducerSettings(connection: KafkaConnection(bootstrapServers: installation.cluster.address)),
                log: KafkaInstallation.logger, metrics: MetricsRegistry())
            let topic = installation.topics.events
            try await producer.prepare(topics: [topic])
            func audited(_ event: NewEvent, startedAt: Timestamp = SystemClock().now()) -> NewEvent {
                var event = event
                event.audit = EventAudit(
                    InboundRecord(
                        tenant: event.tenant, channel: "github", integration: "int_1", startedAt: startedAt, total: 1,
                        status: 200, verdict: .accepted))
                return event
            }
            try await contract.alongside(one.loops) {
                // Written by somebody newer, in a format of an audit that nobody here knows.
                let later = TestEvents.make(1)[0]
                var batch = KafkaBatch()
                let part = Int32(later.tenant.partition(of: installation.partitions))
                batch.append(topic: topic, partition: part, key: later.tenant.text.utf8) { bytes in
                    EventRecord.write(later, to: &bytes)
                    bytes += [11, 1, 0xFF]
                }
                #expect(try await producer.produce(batch).allAcknowledged)
                // A time that no database has, between good ones; and a key again.
                let keyed = audited(TestEvents.make(1, key: [UInt8](repeating: 1, count: 16))[0])
                let never = audited(TestEvents.make(1)[0], startedAt: Timestamp(microseconds: .min / 4))
                let first = try await one.process.log.ids(of: [keyed, never, audited(TestEvents.make(1)[0])])
                let again = try await one.process.log.ids(of: [keyed])
                #expect(again == [first[0]])
                try await eventually("four are on the feed", within: .seconds(40)) {
                    try await installation.feed().count == 4
                }
                try await eventually("three have rows", within: .seconds(40)) {
                    try await installation.auditRows() == 3
                }
                #expect(try await installation.parkedRecords() == 0)
            }
            await producer.shutdown(within: .seconds(1))
        }
    }

    @Test func `what an endpoint said and the database cannot hold costs the text, not the row`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(
                installation, "one", endpoints: { _ in [TestEvents.endpoint(1)] }, outcome: { _ in nil })
            try await contract.alongside(one.loops) {
                _ = try await one.process.log.ids(of: TestEvents.make(20))
                try await eventually("20 records") { one.worker.kept.count == 20 }
                let outcomes = one.worker.kept.enumerated().map { index, record in
                    var outcome = TestWorker.outcome(record, .finished)
                    if index % 7 == 0 { outcome.audit?.responseHeaders = "x: \u{0}" }
                    return outcome
                }
                try await one.process.lanes.settle(outcomes)
                try await eventually("20 audit rows") { try await installation.auditRows() == 20 }
                #expect(try await installation.parkedRecords() == 0)
            }
        }
    }

    @Test func `a duplicate is told within a process, and from the feed`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(installation, "one")
            let other = try await installation.process("other")
            try await other.start(.log)
            try await contract.alongside(one.loops) {
                let key = [UInt8](repeating: 9, count: 16)
                let first = TestEvents.make(1, tenant: "keys", key: key)
                let again = TestEvents.make(1, tenant: "keys", key: key)
                #expect(
                    try await one.process.log.append(first) == [.stored(id: first[0].id, isDuplicate: false)])
                #expect(try await one.process.log.append(again) == [.stored(id: first[0].id, isDuplicate: true)])
                try await eventually("it is on the feed") { try await installation.feed().count == 1 }
                try await eventually("another process knows") {
                    let later = TestEvents.make(1, tenant: "keys", key: key)
                    return try await other.log.append(later) == [.stored(id: first[0].id, isDuplicate: true)]
                }
                #expect(try await installation.feed().count == 1)
            }
        }
    }

    @Test func `a delivery that somebody asked for comes through its lane`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(installation, "one", endpoints: { _ in [] })
            let appender = try KafkaLaneAppender(
                one.process.configuration, logger: KafkaInstallation.logger, metrics: MetricsRegistry())
            try await contract.alongside(one.loops) {
                let event = TestEvents.make(1)[0]
                _ = try await one.process.log.ids(of: [event])
                try await eventually("it is fanned out") { one.matcher.completed.count == 1 }
                let before = SystemClock().now()
                try await appender.append([
                    RequestedDelivery(
                        row: one.matcher.completed[0], endpoint: TestEvents.endpoint(5), cause: .request("resend_1"),
                        configVersion: 1, envelope: event.envelope)
                ])
                try await eventually("it is delivered") { one.worker.sent.count == 1 }
                let record = one.worker.sent[0].record
                #expect(record.cause == .request("resend_1"))
                #expect(record.event == event.id && record.envelope == event.envelope)
                #expect(record.firstDueAt >= before)
            }
            await appender.shutdown()
        }
    }

    @Test func `a position outside of its log is not ready and stores nothing`() async throws {
        try await contract.withInstallation { installation in
            let setting = Statement(
                "test.position",
                """
                insert into fanfare.progress (topic, part, stored) select 'events', g, 1000 from generate_series(0, 3) g
                """)
            try await installation.pool.execute(setting)
            let one = try await installation.process("one")
            try await one.start(.log)
            _ = try await one.log.ids(of: TestEvents.make(20))
            let running = Task { try await one.fanOut.run() }
            let sink = try await eventually("it says so", within: .seconds(30)) {
                one.kafkaFanOut.isReady ? true : nil
            } orNil: {
                try await installation.pool.execute(
                    Statement(
                        "test.epochs", "select count(*) from fanfare.progress where topic = 'events' and epoch > 1")
                ).int(0, 0) > 0
            }
            #expect(sink == nil)
            #expect(try await installation.feed().isEmpty)
            await one.fanOut.shutdown()
            try await running.value
        }
    }
}

/// Waits until `value` gives one or `isOver` says that it will not.
private func eventually<Value>(
    _ what: String, within limit: Duration, value: () async throws -> Value?, orNil isOver: () async throws -> Bool
) async throws -> Value? {
    try await eventually(
        what, within: limit,
        value: { () -> Value?? in
            if let value = try await value() { return .some(.some(value)) }
            return try await isOver() ? .some(nil) : nil
        })
}
