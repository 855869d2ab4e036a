import Backbone
import EventModel
import TestSupport
import Testing

extension BackboneContract {
    /// Processes come and go under load; each lane is one's at a time, nothing is lost, and a goodbye repeats nothing.
    func lanesAreSharedAndHandedOver() async throws {
        try await withInstallation { installation in
            let endpoints: @Sendable (FeedRow) -> [EndpointID] = { row in
                [TestEvents.endpoint(Int(row.pos % 200)), TestEvents.endpoint(Int(row.pos % 200) + 200)]
            }
            let first = try await running(installation, "first", endpoints: endpoints)
            let isOver = Locked(false)
            let appended = Locked(0)
            let load: @Sendable () async throws -> Void = {
                while !isOver.value {
                    let count = try await first.process.log.ids(of: TestEvents.make(10)).count
                    appended.update { $0 += count }
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            try await alongside(first.loops + [load]) {
                try await eventually("one does it all") { first.worker.sent.count > 100 }
                let second = try await running(installation, "second", endpoints: endpoints)
                let third = try await running(installation, "third", endpoints: endpoints)
                try await alongside(second.loops + third.loops) {
                    let workers = [first.worker, second.worker, third.worker]
                    try await eventually("each has its share", within: .seconds(60)) {
                        let before = workers.map(\.sent.count)
                        try await Task.sleep(for: .milliseconds(300))
                        return zip(before, workers.map(\.sent.count)).allSatisfy { $1 > $0 + 10 }
                    }
                    await second.process.shutdown(.lanes)
                    await second.process.shutdown(.fanOut)
                    let before = workers[2].sent.count
                    try await eventually("the third goes on", within: .seconds(40)) {
                        workers[2].sent.count > before + 50
                    }
                    isOver.update { $0 = true }
                    try await eventually("everything is delivered", within: .seconds(60)) {
                        let sent = workers.flatMap { $0.sent.map(\.record.delivery) }
                        return Set(sent).count == 2 * appended.value
                    }
                    let sent = workers.flatMap(\.sent)
                    #expect(sent.count == Set(sent.map(\.record.delivery)).count)
                    Self.expectOneOwnerAtATime(sent)
                }
            }
        }
    }

    /// Under a later epoch nothing is sent before the earlier one's last POST.
    static func expectOneOwnerAtATime(_ sent: [TestWorker.Sent]) {
        for (_, ofLane) in Dictionary(grouping: sent, by: \.record.handle.lane) {
            let epochs = Dictionary(grouping: ofLane, by: \.record.handle.epoch).sorted { $0.key < $1.key }
            for (earlier, later) in zip(epochs, epochs.dropFirst()) {
                let last = earlier.value.map(\.at).max()
                let first = later.value.map(\.at).min()
                if let last, let first { #expect(last <= first) }
            }
        }
    }

    /// A process that was stopped and goes on finds its lease gone: it sends nothing more under it and writes nothing.
    func aStoppedProcessNeitherSendsNorWrites() async throws {
        try await withInstallation { installation in
            let zombie = try await running(
                installation, "zombie", endpoints: { _ in [TestEvents.endpoint(1), TestEvents.endpoint(2)] },
                outcome: { _ in nil })
            try await alongside(zombie.loops) {
                let ids = try await zombie.process.log.ids(of: TestEvents.make(30))
                try await eventually("60 records hang") { zombie.worker.kept.count == 60 }
                let held = zombie.worker.kept
                await zombie.process.pause()

                let heir = try await running(
                    installation, "heir", endpoints: { _ in [TestEvents.endpoint(1), TestEvents.endpoint(2)] },
                    outcome: { record in
                        // Whoever may send now is alone in it.
                        if held.contains(where: {
                            zombie.process.lanes.mayDeliver(lane: $0.handle.lane, epoch: $0.handle.epoch)
                        }) {
                            Issue.record("two may send for lane \(record.handle.lane)")
                        }
                        return .finished
                    })
                try await alongside(heir.loops) {
                    try await eventually("the heir delivers", within: .seconds(60)) { heir.worker.sent.count >= 60 }
                    // More, where the last fan-out was not recorded yet and is repeated.
                    try await eventually("and records it") { try await installation.auditRows() >= 60 }
                    await zombie.process.resume()
                    // What hung succeeds, too late.
                    try await zombie.worker.finish(held)
                    try await eventually("the zombie learns what it lost", within: .seconds(40)) {
                        Set(held.map(\.handle.lane)).isSubset(of: zombie.worker.lost)
                    }
                    _ = try await heir.process.log.ids(of: TestEvents.make(5))
                    try await eventually("life goes on", within: .seconds(60)) {
                        Set((heir.worker.sent + zombie.worker.sent).map(\.record.delivery)).count == 70
                    }
                    #expect(Set(heir.worker.sent.map(\.record.event)).isSuperset(of: ids))
                    let audited = heir.worker.sent.count
                    #expect(try await installation.auditRows() <= audited)
                    Self.expectOneOwnerAtATime(heir.worker.sent + zombie.worker.sent)
                }
            }
        }
    }
}
