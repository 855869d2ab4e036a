internal import KafkaBackbone
internal import Synchronization
internal import TestSupport
internal import Testing

@Suite(.enabled(if: TestKafka.isAvailable, "there is no Kafka"), .timeLimit(.minutes(3)))
struct KafkaBrokerFaultTests {
    private final class Progress: Sendable {
        let isDone = Atomic(false)
        let acknowledged = Mutex<[GroupMember.Seen]>([])
        /// Records that may be in the log although nobody may rely on it.
        let unknown = Atomic(0)
    }

    @Test func `a broker that is killed and comes back has all that it acknowledged, none twice`() async throws {
        let kafka = try #require(try await TestKafka.start())
        let fixture = KafkaFixture(kafka.address)
        let topics = try await fixture.topics("killed", partitions: 3)
        let partitions = (0..<3).map { TopicPartition(topics[0], Int32($0)) }
        let producer = try await fixture.producer(topics: topics) { $0.deliveryTimeout = .seconds(30) }
        let group = KafkaFixture.name("group")
        let member = GroupMember(try fixture.consumer(.group(group, topics: topics)))
        let progress = Progress()
        try await member.serve {
            try await member.owns(3)
            async let producing: Void = {
                var number = 0
                while !progress.isDone.load(ordering: .relaxed) {
                    let partition = Int32(number % 3)
                    let receipts = try await producer.produce(
                        KafkaFixture.batch(0..<50, to: topics[0], partition: partition, padding: 100))
                    number += 1
                    progress.unknown.add(receipts.count { $0 == .possiblyPersisted }, ordering: .relaxed)
                    for case .acknowledged(let partition, let offset) in receipts {
                        progress.acknowledged.withLock {
                            $0.append(.init(partition: TopicPartition(topics[0], partition), offset: offset))
                        }
                    }
                }
            }()
            try await eventually("some are acknowledged") { progress.acknowledged.withLock { $0.count } > 2000 }
            try await kafka.kill()
            let before = progress.acknowledged.withLock { $0.count }
            try await kafka.startAgain()
            try await eventually("more are acknowledged", within: .seconds(60)) {
                progress.acknowledged.withLock { $0.count } > before + 2000
            }
            progress.isDone.store(true, ordering: .relaxed)
            try await producing
            let all = progress.acknowledged.withLock { $0 }
            try await eventually("all are seen", within: .seconds(60)) { Set(member.seen).isSuperset(of: all) }
            #expect(Set(all).count == all.count, "two records have one offset")
            let admin = try fixture.admin()
            let ranges = try await admin.offsets(of: partitions)
            admin.shutdown()
            let records = ranges.values.reduce(0) { $0 + $1.count }
            let unknown = progress.unknown.load(ordering: .relaxed)
            #expect((all.count...all.count + unknown).contains(records), "idempotence: nothing is in the log twice")
            try await eventually("the lease holds again") { member.consumer.lease.isValid }
        }
        await producer.shutdown(within: .seconds(1))
        try await kafka.stop()
    }
}
