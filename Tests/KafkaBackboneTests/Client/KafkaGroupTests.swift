internal import KafkaBackbone
internal import TestSupport
internal import Testing

/// Groups on a real broker: what the mock cannot show.
@Suite(.enabled(if: TestKafka.isAvailable, "there is no Kafka"), .timeLimit(.minutes(3)))
struct KafkaGroupTests {
    private func setUp(partitions: Int = 6) async throws -> (KafkaFixture, String, [String]) {
        let fixture = try #require(try await KafkaFixture.shared())
        let topics = try await fixture.topics("deliveries", "delay.a", "delay.b", partitions: partitions)
        return (fixture, KafkaFixture.name("group"), topics)
    }

    private func membership(_ group: String, _ topics: [String], held: Int? = nil) -> KafkaConsumerSettings.Membership {
        .group(
            group, topics: [topics[0]],
            companions: topics.dropFirst().map { KafkaCompanion(topic: $0, heldRecords: held) })
    }

    @Test func `members share the partitions, and companions go where their partition goes`() async throws {
        let (fixture, group, topics) = try await setUp()
        let first = GroupMember(try fixture.consumer(membership(group, topics)))
        @Sendable func check(_ member: GroupMember) {
            for partition in member.owned {
                for topic in topics { #expect(member.owned.contains(TopicPartition(topic, partition.partition))) }
            }
        }
        try await first.serve {
            try await first.owns(18)
            let second = GroupMember(try fixture.consumer(membership(group, topics)))
            try await second.serve {
                try await second.owns(9)
                try await first.owns(9)
                #expect(first.owned.isDisjoint(with: second.owned))
                check(first)
                check(second)
            }
            try await first.owns(18)
            check(first)
        }
        #expect(first.owned.isEmpty, "the end of a member revokes what it has")
        let losses = first.events.filter { if case .lost = $0 { true } else { false } }
        #expect(losses.isEmpty, "\(fixture.sink.lines.suffix(30))")
    }

    @Test func `records of topic and companions are handed on once across hand-overs`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 4)
        let producer = try await fixture.producer(topics: topics)
        let all = TestCollector<GroupMember.Seen>()
        let first = GroupMember(try fixture.consumer(membership(group, topics)), everything: all)
        @Sendable func produce() async throws {
            for topic in topics {
                for partition in 0..<4 {
                    let batch = KafkaFixture.batch(0..<50, to: topic, partition: Int32(partition))
                    #expect(try await producer.produce(batch).allAcknowledged)
                }
            }
        }
        @Sendable func total() -> Int { all.values.count }
        try await produce()
        try await first.serve {
            try await eventually("all seen") { total() == 600 }
            let second = GroupMember(try fixture.consumer(membership(group, topics)), everything: all)
            try await second.serve {
                try await second.owns(6)
                try await produce()
                try await eventually("all seen") { total() == 1200 }
            }
            try await first.owns(12)
            try await produce()
            try await eventually("all seen") { total() == 1800 }
        }
        #expect(Set(all.values).count == 1800, "none twice")
        for topic in topics {
            for partition in 0..<4 {
                let offsets = first.offsets(of: TopicPartition(topic, Int32(partition)))
                #expect(offsets == offsets.sorted())
            }
        }
        await producer.shutdown(within: .seconds(1))
        let admin = try fixture.admin()
        let partitions = topics.flatMap { topic in (0..<4).map { TopicPartition(topic, Int32($0)) } }
        let committed = try await admin.committed(by: group, of: partitions)
        #expect(committed == Dictionary(uniqueKeysWithValues: partitions.map { ($0, 150) }))
        admin.shutdown()
    }

    @Test func `revoked partitions stay until they are drained, and go on at the mark`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 2)
        let gate = AsyncGate()
        let isDraining = TestCollector<[TopicPartition]>()
        let first = GroupMember(try fixture.consumer(membership(group, topics)), advances: false) { partitions in
            isDraining.append(partitions)
            await gate.passed()
        }
        for partition in 0..<2 { try await fixture.produce(0..<100, to: topics[0], partition: Int32(partition)) }
        try await first.serve {
            try await eventually("all seen") { first.seen.count == 200 }
            let second = GroupMember(try fixture.consumer(membership(group, topics)))
            try await second.serve {
                let moving = try #require(await isDraining.first(1).first)
                let main = try #require(moving.first { $0.topic == topics[0] })
                let claim = try #require(first.claim(of: main))
                #expect(second.owned.isEmpty)
                first.consumer.advance(claim, to: 40)
                gate.open()
                try await second.owns(3)
                #expect(second.owned == Set(moving))
                try await eventually("the rest is seen") { second.seen.count == 60 }
                #expect(second.offsets(of: main) == Array(40..<100))
            }
        }
    }

    @Test func `a drain that does not end is cut off`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 2)
        let gate = AsyncGate()
        let first = GroupMember(try fixture.consumer(membership(group, topics)) { $0.drainLimit = .milliseconds(300) })
        {
            _ in await gate.passed()
        }
        try await first.serve {
            try await first.owns(6)
            let second = GroupMember(try fixture.consumer(membership(group, topics)))
            try await second.serve {
                try await second.owns(3)
                gate.open()
            }
        }
    }

    @Test func `an assignment that is not started yet does not hold the others up`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 2)
        let slow = try fixture.consumer(membership(group, topics))
        guard case .assigned(let claims) = await slow.nextRebalance() else { return #expect(Bool(false)) }
        #expect(claims.count == 6)
        let second = GroupMember(try fixture.consumer(membership(group, topics)))
        try await second.serve {
            guard case .revoked(let revoked) = await slow.nextRebalance() else { return #expect(Bool(false)) }
            slow.handBack(revoked)
            try await second.owns(3)
        }
        await slow.shutdown()
    }

    @Test func `the lease holds while commits are acknowledged, also when nothing moves`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 2)
        let clock = ManualClock()
        let member = GroupMember(
            try fixture.consumer(membership(group, topics)) {
                $0.commitInterval = .milliseconds(100)
            } clock: {
                clock.instant()
            })
        try await member.serve {
            #expect(!member.consumer.lease.isValid)
            try await member.owns(6)
            try await eventually("the first commit is acknowledged") { member.consumer.lease.isValid }
            for _ in 0..<3 {
                // As if the process had been stopped.
                clock.advance(by: .seconds(10))
                let after = member.consumer.lease.isValid(at: clock.instant())
                try await eventually("the next commit is acknowledged") { member.consumer.lease.isValid }
                _ = after
            }
            clock.advance(by: .milliseconds(4999))
            #expect(member.consumer.lease.isValid)
        }
        #expect(!member.consumer.lease.isValid)
    }

    @Test func `a held partition stops at its head and goes on from there`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 2)
        let delay = TopicPartition(topics[1], 1)
        try await fixture.produce(0..<1000, to: topics[1], partition: 1, padding: 200)
        let member = GroupMember(try fixture.consumer(membership(group, topics)), advances: false)
        try await member.serve {
            try await eventually("some are seen") { member.seen.count >= 100 }
            let claim = try #require(member.claim(of: delay))
            member.consumer.advance(claim, to: 10)
            member.consumer.hold(claim, at: 10)
            // What was under way to the service may still arrive; after a commit the thread has obeyed the hold.
            try await member.consumer.commit()
            let seen = member.seen.count
            try await fixture.produce(0..<5, to: topics[0], partition: 0)
            try await eventually("others flow on") { member.offsets(of: TopicPartition(topics[0], 0)).count == 5 }
            #expect(member.seen.count <= seen + 5)
            let before = member.offsets(of: delay).count
            member.consumer.release(claim)
            try await eventually("all are seen") { member.offsets(of: delay).count >= before + 990 }
            #expect(Array(member.offsets(of: delay).dropFirst(before)) == Array(10..<1000))
        }
    }

    @Test func `a companion has at most so many records in hand`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 2)
        let delay = TopicPartition(topics[1], 0)
        try await fixture.produce(0..<1000, to: topics[1], partition: 0)
        let member = GroupMember(try fixture.consumer(membership(group, topics, held: 64)), advances: false)
        try await member.serve {
            try await eventually("64 are seen") { member.offsets(of: delay).count == 64 }
            let claim = try #require(member.claim(of: delay))
            var done = 0
            while done < 1000 {
                done = member.offsets(of: delay).count
                member.consumer.advance(claim, to: Int64(done))
                try await member.consumer.commit()
                #expect(member.offsets(of: delay).count <= done + 64)
                if done < 1000 { try await eventually("more come") { member.offsets(of: delay).count > done } }
            }
            #expect(member.offsets(of: delay) == Array(0..<1000))
        }
    }

    @Test func `a private companion is left alone at its end, and read when something is expected`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 1)
        let delay = TopicPartition(topics[1], 0)
        try await fixture.produce(0..<3, to: topics[1], partition: 0)
        let companions = topics.dropFirst().map { KafkaCompanion(topic: $0, heldRecords: 64, isPrivate: true) }
        let member = GroupMember(
            try fixture.consumer(.group(group, topics: [topics[0]], companions: companions)) {
                $0.parkedLook = .seconds(3600)
            })
        let patient = GroupMember(
            try fixture.consumer(.group(KafkaFixture.name("group"), topics: [topics[0]], companions: companions)) {
                $0.parkedLook = .milliseconds(300)
                $0.role = "patient"
            })
        try await member.serve {
            try await eventually("what is there is seen") { member.offsets(of: delay).count == 3 }
            try await eventually("both are parked") { fixture.counted("fanfare_kafka_partition_pauses_total") == 2 }
            try await fixture.produce(3..<5, to: topics[1], partition: 0)
            try await fixture.produce(0..<2, to: topics[0], partition: 0)
            try await eventually("the lane is seen") { member.offsets(of: TopicPartition(topics[0], 0)).count == 2 }
            #expect(member.offsets(of: delay).count == 3)
            member.consumer.expect([(try #require(member.claim(of: delay)), 4)])
            try await eventually("all are seen") { member.offsets(of: delay) == [0, 1, 2, 3, 4] }
            try await eventually("parked again") { fixture.counted("fanfare_kafka_partition_pauses_total") == 3 }
        }
        try await patient.serve {
            try await eventually("parked") {
                fixture.counted("fanfare_kafka_partition_pauses_total", client: "patient") >= 2
            }
            try await fixture.produce(5..<8, to: topics[1], partition: 0)
            try await eventually("found without a word") { patient.offsets(of: delay).count == 8 }
        }
    }

    @Test func `a backlog that nobody takes stays in the log`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 4)
        for partition in 0..<4 {
            try await fixture.produce(0..<25_000, to: topics[0], partition: Int32(partition), padding: 250)
        }
        let consumer = try fixture.consumer(.group(group, topics: [topics[0]])) { $0.ringBytes = 2 << 20 }
        guard case .assigned(let claims) = await consumer.nextRebalance() else { return #expect(Bool(false)) }
        consumer.start(claims.map { ($0, .committed) })
        try await eventually("it pauses") {
            fixture.counted("fanfare_kafka_partition_pauses_total") > 0
        }
        var next: [PartitionClaim: Int64] = [:]
        var count = 0
        var largest = 0
        while count < 100_000, let records = await consumer.nextRecords() {
            for record in records {
                #expect(record.offset == next[record.claim, default: 0])
                next[record.claim] = record.offset + 1
            }
            largest = max(largest, fixture.counted("fanfare_kafka_ring_bytes"))
            count += records.count
        }
        #expect(count == 100_000)
        #expect(largest >= 2 << 20 && largest < 3 << 20, "bytes in the ring: \(largest)")
        await consumer.shutdown()
    }

    @Test func `companions are committed again although nothing moved`() async throws {
        let (fixture, group, topics) = try await setUp(partitions: 1)
        try await fixture.produce(0..<3, to: topics[1], partition: 0)
        @Sendable func commits() -> Int { fixture.counted("fanfare_kafka_commits_total", [("result", "acknowledged")]) }
        let member = GroupMember(
            try fixture.consumer(membership(group, topics)) {
                $0.recommitInterval = .milliseconds(50)
                $0.commitInterval = .milliseconds(50)
            })
        let admin = try fixture.admin()
        try await member.serve {
            try await eventually("all seen") { member.seen.count == 3 }
            try await eventually("committed") {
                try await admin.committed(by: group, of: [TopicPartition(topics[1], 0)]).values.first == 3
            }
            let before = commits()
            try await eventually("committed again") { commits() > before + 5 }
        }
        admin.shutdown()
    }
}
