internal import KafkaBackbone
internal import TestSupport
internal import Testing

/// What becomes of a member that the coordinator has given up on; on mock brokers, since it takes their word.
@Suite(.timeLimit(.minutes(2)))
struct KafkaLossTests {
    @Test func `a member that is put out of the group loses all at once and starts again`() async throws {
        let cluster = try KafkaMockCluster()
        defer { withExtendedLifetime(cluster) {} }
        cluster.create(topic: "t", partitions: 2)
        let fixture = KafkaFixture(cluster.bootstrapServers)
        let member = GroupMember(try fixture.consumer(.group("g", topics: ["t"])))
        try await fixture.produce(0..<10, to: "t", partition: 0)
        try await member.serve {
            try await eventually("all seen") { member.seen.count == 10 }
            try await eventually("the first commit is acknowledged") { member.consumer.lease.isValid }
            cluster.fail(.heartbeat, with: [.unknownMember])
            try await eventually("the loss is told") {
                member.events.contains { if case .lost = $0 { true } else { false } }
            }
            try await member.owns(2)
            try await fixture.produce(10..<20, to: "t", partition: 0)
            try await eventually("all seen") { Set(member.seen).count == 20 }
            try await eventually("the lease holds again") { member.consumer.lease.isValid }
        }
    }

    @Test func `a group without a broker can be left in time`() async throws {
        let fixture = KafkaFixture("127.0.0.1:\(FreePorts.one())")
        let member = GroupMember(try fixture.consumer(.group("g", topics: ["t"])))
        let took = try await ContinuousClock().measure { try await member.serve {} }
        #expect(took < .seconds(10))
    }
}
