import Backbone
import EventModel
import TestSupport
import Testing

extension BackboneContract {
    /// A key is on the feed once, whoever appends it how often, and is delivered once.
    func aKeyIsStoredOnce() async throws {
        try await withInstallation { installation in
            let first = try await running(installation, "first")
            let second = try await running(installation, "second")
            try await alongside(first.loops + second.loops) {
                let logs = [first.process.log, second.process.log]
                try await withThrowingTaskGroup { group in
                    for round in 0..<20 {
                        let key = [UInt8](repeating: UInt8(round), count: 16)
                        for log in logs {
                            group.addTask {
                                // Twice inside one batch, and beside it the other process's.
                                let events =
                                    TestEvents.make(1, tenant: "keys", key: key) + TestEvents.make(1, tenant: "keys")
                                    + TestEvents.make(1, tenant: "keys", key: key)
                                _ = try await log.ids(of: events)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                // 20 keys, and 40 events without one.
                try await eventually("60 deliveries", within: .seconds(40)) {
                    first.worker.sent.count + second.worker.sent.count >= 60
                }
                #expect(try await installation.feed().count == 60)
                let sent = (first.worker.sent + second.worker.sent).map(\.record.delivery)
                #expect(Set(sent).count == 60)
            }
        }
    }
}
