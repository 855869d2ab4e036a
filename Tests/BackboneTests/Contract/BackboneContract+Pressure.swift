import Backbone
import EventModel
import TestSupport
import Testing

extension BackboneContract {
    /// A worker that does not get on holds a window's worth and no more; then everything is delivered.
    func aHundredThousandWaitInBoundedMemory() async throws {
        try await withInstallation { installation in
            let isOpen = Locked(false)
            let one = try await running(
                installation, "one",
                endpoints: { row in (0..<10).map { TestEvents.endpoint(Int(row.pos) % 50 * 10 + $0) } },
                outcome: { _ in isOpen.value ? .finished : nil })
            try await alongside(one.loops) {
                for _ in 0..<50 { _ = try await one.process.log.ids(of: TestEvents.make(200, size: 400)) }
                try await eventually("all are fanned out", within: .seconds(120)) {
                    one.matcher.completed.count == 10_000
                }
                try await eventually("the window is full") { one.worker.kept.count >= 4_000 }
                #expect(one.worker.kept.count <= 4_096 + 1_000)
                isOpen.update { $0 = true }
                try await one.worker.finish(one.worker.kept)
                try await eventually("100 000 are delivered", within: .seconds(240)) {
                    try await one.worker.finish(one.worker.kept)
                    return one.worker.sent.count >= 100_000
                }
                #expect(Set(one.worker.sent.map(\.record.delivery)).count == 100_000)
            }
        }
    }
}
