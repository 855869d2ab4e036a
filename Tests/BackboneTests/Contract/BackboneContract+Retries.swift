import Backbone
import EventModel
import TestSupport
import Testing

extension BackboneContract {
    /// A retry comes at its time, never before, as the same delivery.
    func retriesKeepTheirTime() async throws {
        try await withInstallation { installation in
            let delays: [Int64] = [0, 300, 900, 1_600, 2_500]
            let one = try await running(
                installation, "one",
                outcome: { record in
                    if record.attempt > 1 { return .finished }
                    let delay = delays[Int(record.pos) % delays.count]
                    return .retry(attempt: 2, due: SystemClock().now().adding(milliseconds: delay))
                })
            try await alongside(one.loops) {
                _ = try await one.process.log.ids(of: TestEvents.make(50))
                try await eventually("100 attempts", within: .seconds(40)) { one.worker.sent.count >= 100 }
                try await eventually("100 audit rows") { try await installation.auditRows() == 100 }
                let byDelivery = Dictionary(grouping: one.worker.sent, by: \.record.delivery)
                #expect(byDelivery.count == 50)
                for (_, sent) in byDelivery {
                    let attempts = sent.sorted { $0.record.attempt < $1.record.attempt }
                    #expect(attempts.map(\.record.attempt) == [1, 2])
                    guard attempts.count == 2 else { continue }
                    let delay = delays[Int(attempts[0].record.pos) % delays.count]
                    let waited = attempts[1].at.microseconds(since: attempts[0].at) / 1_000
                    // An attempt is noted a moment after its retry was asked for.
                    #expect(waited >= delay - 20)
                    #expect(waited < delay + 5_000)
                    #expect(attempts[1].record.envelope == attempts[0].record.envelope)
                    #expect(attempts[1].record.firstDueAt == attempts[0].record.firstDueAt)
                }
            }
        }
    }

    /// Waiting for a cap or a breaker uses up no attempt.
    func postponingUsesUpNothing() async throws {
        try await withInstallation { installation in
            let one = try await running(
                installation, "one",
                outcome: { record in
                    // About three times.
                    record.firstDueAt.adding(milliseconds: 700) > SystemClock().now()
                        ? .postponed(due: SystemClock().now().adding(milliseconds: 250)) : .finished
                })
            try await alongside(one.loops) {
                _ = try await one.process.log.ids(of: TestEvents.make(20))
                try await eventually("20 audit rows", within: .seconds(40)) { try await installation.auditRows() == 20 }
                #expect(one.worker.sent.count > 20)
                #expect(one.worker.sent.allSatisfy { $0.record.attempt == 1 })
                #expect(Set(one.worker.sent.map(\.record.delivery)).count == 20)
            }
        }
    }

    /// A retry outlives the process that asked for it.
    func retriesSurviveTheirProcess() async throws {
        try await withInstallation { installation in
            let delay: Int64 = 3_000
            let first = try await running(
                installation, "first",
                outcome: { _ in .retry(attempt: 2, due: SystemClock().now().adding(milliseconds: delay)) })
            var sent: [TestWorker.Sent] = []
            try await alongside(first.loops) {
                _ = try await first.process.log.ids(of: TestEvents.make(10))
                try await eventually("10 audit rows") { try await installation.auditRows() == 10 }
                sent = first.worker.sent
            }
            await first.process.kill()

            let second = try await running(installation, "second", endpoints: { _ in [] })
            try await alongside(second.loops) {
                // What was recorded just before the end may be sent again, and then the retry need not be.
                let again = { second.worker.sent }
                try await eventually("10 deliveries go on", within: .seconds(40)) {
                    Set(again().map(\.record.delivery)).count == 10
                }
                for first in sent {
                    let mine = again().filter { $0.record.delivery == first.record.delivery }
                    #expect(!mine.isEmpty)
                    for retry in mine where retry.record.attempt == 2 {
                        #expect(retry.at.microseconds(since: first.at) >= delay * 1_000)
                    }
                }
            }
        }
    }
}
