import Backbone
import EventModel
import TestSupport
import Testing

extension BackboneContract {
    /// Processes die and come; what was acknowledged is delivered.
    func nothingAcknowledgedIsLost() async throws {
        try await withInstallation { installation in
            let first = try await running(installation, "first")
            let second = try await running(installation, "second")
            let acknowledged = Locked<Set<EventID>>([])
            try await alongside(first.loops + second.loops) {
                try await withThrowingTaskGroup { group in
                    for writer in 0..<8 {
                        let log = writer.isMultiple(of: 2) ? first.process.log : second.process.log
                        group.addTask {
                            for _ in 0..<25 {
                                do {
                                    let ids = try await log.ids(of: TestEvents.make(4))
                                    acknowledged.update { $0.formUnion(ids) }
                                } catch  where error is BackboneError || error is NotStored {
                                    // Not acknowledged: nothing is promised.
                                    break
                                }
                            }
                        }
                    }
                    group.addTask {
                        try await eventually("some events") { acknowledged.value.count > 100 }
                        await first.process.kill()
                    }
                    try await group.waitForAll()
                }
                let third = try await running(installation, "third")
                try await alongside(third.loops) {
                    let ids = acknowledged.value
                    #expect(ids.count > 100)
                    try await eventually("all \(ids.count) are delivered", within: .seconds(40)) {
                        let workers = [first.worker, second.worker, third.worker]
                        return ids.isSubset(of: workers.flatMap { $0.sent.map(\.record.event) })
                    }
                    let feed = try await installation.feed()
                    #expect(Set(feed.map(\.id)).count == feed.count)
                    #expect(ids.isSubset(of: feed.map(\.id)))
                }
            }
        }
    }

    /// Whoever dies with rows in hand leaves them to the next: each is handed out again, and delivered once.
    func rowsOfADeadMatcherAreFannedOutByTheNext() async throws {
        try await withInstallation { installation in
            let first = try await installation.process("first")
            try await first.start(.log, .fanOut)
            let ids = try await first.log.ids(of: TestEvents.make(60))
            var seen = Set<EventID>()
            while seen.count < 60, let batch = try await first.fanOut.next() {
                seen.formUnion(batch.rows.map(\.id))
                // Completing is what it does not live to do, but for the first batch of several.
                if seen.count < 60 { try await first.fanOut.complete(batch, deliveries: []) }
            }
            let last = seen
            await first.kill()

            let second = try await installation.process("second")
            try await second.start(.fanOut, .lanes)
            let matcher = TestMatcher(second.fanOut) { _ in [TestEvents.endpoint(1)] }
            let worker = TestWorker(second.lanes)
            try await alongside([matcher.run, worker.run]) {
                try await eventually("the rows are delivered", within: .seconds(40)) {
                    !worker.sent.isEmpty && worker.sent.count >= matcher.completed.count
                }
                #expect(last == Set(ids))
                #expect(Set(matcher.completed.map(\.id)).count == matcher.completed.count)
                #expect(worker.sent.count == Set(worker.sent.map(\.record.delivery)).count)
            }
        }
    }

    /// The store goes away and comes back in the middle.
    func theStoreMayRestart() async throws {
        try await withInstallation { installation in
            let one = try await running(installation, "one")
            let acknowledged = Locked<Set<EventID>>([])
            try await alongside(one.loops) {
                let ids = try await one.process.log.ids(of: TestEvents.make(50))
                acknowledged.update { $0.formUnion(ids) }
                try await installation.stopStore()
                try await eventually("the outage is noticed") {
                    do {
                        let ids = try await one.process.log.ids(of: TestEvents.make(1))
                        acknowledged.update { $0.formUnion(ids) }
                        return installation.keepsAcceptingWithoutStore
                    } catch let error as BackboneError {
                        return error.code == .unavailable || error.code == .outcomeUnknown
                    }
                }
                try await installation.startStore()
                try await eventually("it accepts again") {
                    do {
                        let ids = try await one.process.log.ids(of: TestEvents.make(50))
                        acknowledged.update { $0.formUnion(ids) }
                        return true
                    } catch is BackboneError {
                        return false
                    }
                }
                let ids2 = acknowledged.value
                try await eventually("all \(ids2.count) are delivered", within: .seconds(40)) {
                    ids2.isSubset(of: one.worker.sent.map(\.record.event))
                }
            }
        }
    }

    /// A process with all roles, its matcher and its worker.
    struct Running {
        var process: Process
        var matcher: TestMatcher
        var worker: TestWorker

        var loops: [@Sendable () async throws -> Void] { [matcher.run, worker.run] }
    }

    func running(
        _ installation: Installation, _ name: String,
        endpoints: @escaping @Sendable (FeedRow) -> [EndpointID] = { [TestEvents.endpoint(of: $0.tenant, among: 20)] },
        outcome: @escaping @Sendable (LaneRecord) -> LaneOutcome.Next? = { _ in .finished }
    ) async throws -> Running {
        let process = try await installation.process(name)
        try await process.start(.log, .fanOut, .lanes)
        return Running(
            process: process, matcher: TestMatcher(process.fanOut, endpoints: endpoints),
            worker: TestWorker(process.lanes, outcome: outcome))
    }
}
