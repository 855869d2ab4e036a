import Backbone
import EventModel
import KafkaBackbone
import TestSupport
import Testing

/// Figures, not promises: `FANFARE_BENCH=1 swift test --filter KafkaBench`.
@Suite(.serialized, .enabled(if: TestFolders.environment("FANFARE_BENCH") != nil && TestKafka.isAvailable))
struct KafkaBench {
    @Test func `how long an event takes from append to receive`() async throws {
        let installation = try await KafkaInstallation()
        let one = try await installation.process("one", usesDoors: false)
        try await one.start(.log, .fanOut, .lanes)
        let matcher = TestMatcher(one.fanOut) { [TestEvents.endpoint(of: $0.tenant, among: 20)] }
        let worker = TestWorker(one.lanes)
        let contract = BackboneContract<KafkaInstallation> { installation }
        try await contract.alongside([matcher.run, worker.run]) {
            var appended: [EventID: Timestamp] = [:]
            var acknowledged: [Int64] = []
            let clock = ContinuousClock()
            var next = clock.now
            for number in 0..<1_200 {
                let events = TestEvents.make(1, size: 500)
                let before = SystemClock().now()
                _ = try await one.log.append(events)
                acknowledged.append(SystemClock().now().microseconds(since: before))
                if number >= 200 { appended[events[0].id] = before }
                next = next.advanced(by: .milliseconds(5))
                try await clock.sleep(until: next)
            }
            try await eventually("all came") { worker.sent.count >= 1_200 }
            let took = worker.sent.compactMap { sent in
                appended[sent.record.event].map { sent.at.microseconds(since: $0) }
            }
            Self.report("append -> acknowledged", acknowledged)
            Self.report("append -> receive", took)
            let sent = worker.sent.filter { appended[$0.record.event] != nil }
            Self.report(
                "append -> stored",
                sent.map { $0.record.recordedAt.microseconds(since: appended[$0.record.event] ?? $0.at) })
            Self.report(
                "stored -> matched", sent.map { $0.record.firstDueAt.microseconds(since: $0.record.recordedAt) })
            Self.report("matched -> receive", sent.map { $0.at.microseconds(since: $0.record.firstDueAt) })
        }
        await installation.close()
    }

    @Test func `how late retries are`() async throws {
        let installation = try await KafkaInstallation()
        let one = try await installation.process("one", usesDoors: false)
        try await one.start(.log, .fanOut, .lanes)
        let matcher = TestMatcher(one.fanOut) { [TestEvents.endpoint(of: $0.tenant, among: 20)] }
        let due = Locked<[DeliveryID: Timestamp]>([:])
        let worker = TestWorker(one.lanes) { record in
            if record.attempt > 1 { return .finished }
            let time = SystemClock().now().adding(milliseconds: [100, 1_000, 1_500, 5_300][Int(record.pos) % 4])
            due.update { $0[record.delivery] = time }
            return .retry(attempt: 2, due: time)
        }
        let contract = BackboneContract<KafkaInstallation> { installation }
        try await contract.alongside([matcher.run, worker.run]) {
            for _ in 0..<200 {
                _ = try await one.log.append(TestEvents.make(2))
                try await Task.sleep(for: .milliseconds(10))
            }
            try await eventually("all came") { worker.sent.count >= 800 }
            for index in 0..<4 {
                let late = worker.sent.filter { $0.record.attempt == 2 && Int($0.record.pos) % 4 == index }
                    .compactMap { sent in due.value[sent.record.delivery].map { sent.at.microseconds(since: $0) } }
                Self.report("retry \(index) late", late)
            }
        }
        await installation.close()
    }

    private static func report(_ name: String, _ microseconds: [Int64]) {
        let sorted = microseconds.sorted()
        guard !sorted.isEmpty else { return }
        func at(_ share: Double) -> Double { Double(sorted[Int(Double(sorted.count - 1) * share)]) / 1_000 }
        print("\(name): n \(sorted.count) p50 \(at(0.5)) ms, p90 \(at(0.9)), p99 \(at(0.99)), max \(at(1))")
    }
}
