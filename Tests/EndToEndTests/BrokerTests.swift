import TestSupport
import Testing

extension EndToEnd {
    /// The broker goes away under load, as by an operator and as by the kernel, and comes back.
    @Suite(.enabled(if: TestKafka.isAvailable, "there is no Kafka")) struct BrokerTests {
        @Test(.timeLimit(.minutes(4)), arguments: [false, true])
        func `a broker that ends under load and comes back loses nothing`(isKilled: Bool) async throws {
            // A broker of its own: the others' tests go on with theirs, and few topics start fast.
            let kafka = try #require(try await TestKafka.start())
            let installation = try await Installation.start(kafka: kafka.address)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["broker"])
            let load = LoadWriter(installation, count: 300, type: "broker.item", name: "broker-\(isKilled)")
            async let writing: Void = load.run(eachWithin: .seconds(120))
            await load.reached(100)
            if isKilled { try await kafka.kill() } else { try await kafka.stop() }
            try await kafka.startAgain()
            try await writing
            #expect(load.refusals == [])
            // What was sent while nothing could be recorded is sent again, by the lanes' next owner.
            let findings = try await installation.findings(
                [webhook], acknowledged: load.acknowledged, allowing: .init(duplicates: load.acknowledged.count))
            #expect(findings == [])
            #expect(load.acknowledged.count == 300)
            try await installation.down()
            try await kafka.stop()
        }
    }
}
