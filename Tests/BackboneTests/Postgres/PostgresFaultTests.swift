import Backbone
import Database
import EventModel
import Observability
import PostgresBackbone
import Store
import TestSupport
import Testing

/// What only Postgres can promise: faults of the connection cost neither a row too few nor a row too many.
@Suite(.serialized) struct PostgresFaultTests {
    let contract = BackboneContract<PostgresInstallation> { try await PostgresInstallation() }

    @Test func `answers that are lost while fanning out write no delivery twice`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(installation, "one", endpoints: { _ in Self.endpoints(3) })
            let writer = try await installation.process("writer")
            try await writer.start(.log)
            try await contract.alongside([one.matcher.run]) {
                for round in 0..<40 {
                    _ = try await writer.log.ids(of: TestEvents.make(10))
                    // While a batch is on its way, more often than not.
                    if round % 2 == 0 { one.process.proxy.cut() }
                }
                try await eventually("all are fanned out", within: .seconds(40)) {
                    one.matcher.completed.count >= 400
                }
                #expect(one.matcher.completed.map(\.pos) == one.matcher.completed.map(\.pos).sorted())
                #expect(try await installation.laneRows() == 1_200)
            }
        }
    }

    @Test func `answers that are lost while settling write no audit row twice`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(installation, "one", endpoints: { _ in Self.endpoints(2) })
            let writer = try await installation.process("writer")
            try await writer.start(.log)
            try await contract.alongside(one.loops) {
                for round in 0..<40 {
                    _ = try await writer.log.ids(of: TestEvents.make(10))
                    if round % 2 == 0 { one.process.proxy.cut() }
                }
                try await eventually("all are delivered", within: .seconds(40)) { one.worker.sent.count >= 800 }
                try await eventually("all are recorded") { try await installation.auditRows() >= 800 }
                await one.process.shutdown(.lanes)
                #expect(one.worker.sent.count == 800)
                #expect(try await installation.auditRows() == 800)
            }
        }
    }

    @Test func `an append whose answer is lost is told as unknown and never repeated`() async throws {
        try await contract.withInstallation { installation in
            let one = try await installation.process("one")
            try await one.start(.log)
            var acknowledged = Set<EventID>()
            var unknown = Set<EventID>()
            for _ in 0..<60 {
                let events = TestEvents.make(5)
                async let cut: Void = Task.detached { one.proxy.cut() }.value
                do {
                    acknowledged.formUnion(try await one.log.ids(of: events))
                } catch let error as BackboneError {
                    #expect([.unavailable, .outcomeUnknown].contains(error.code))
                    if error.code == .outcomeUnknown { unknown.formUnion(events.map(\.id)) }
                }
                await cut
            }
            let feed = try await installation.feed().map(\.id)
            #expect(Set(feed).count == feed.count)
            #expect(acknowledged.isSubset(of: feed))
            #expect(Set(feed).isSubset(of: acknowledged.union(unknown)))
        }
    }

    @Test func `a stopped matcher that goes on writes nothing`() async throws {
        try await contract.withInstallation { installation in
            let zombie = try await installation.process("zombie")
            try await zombie.start(.log, .fanOut)
            _ = try await zombie.log.ids(of: TestEvents.make(100))
            let batch = try #require(try await zombie.fanOut.next())
            #expect(batch.rows.count > 0)
            await zombie.pause()

            let heir = try await installation.process("heir")
            try await heir.start(.fanOut)
            let matcher = TestMatcher(heir.fanOut) { _ in Self.endpoints(1) }
            try await contract.alongside([matcher.run]) {
                try await eventually("the heir fans out", within: .seconds(40)) { matcher.completed.count == 100 }
                await zombie.resume()
                let late = batch.rows.indices.map {
                    LaneDelivery(row: $0, endpoint: TestEvents.endpoint(9), cause: .live)
                }
                try await zombie.fanOut.complete(batch, deliveries: late)
                #expect(try await installation.laneRows() == 100)
            }
        }
    }

    @Test func `an event that the store cannot hold is refused, the others are stored`() async throws {
        try await contract.withInstallation { installation in
            let one = try await installation.process("one")
            try await one.start(.log)
            var events = TestEvents.make(20)
            events[3].type = "nul\u{0}"
            events[17].smithID = "\u{0}"
            let receipts = try await one.log.append(events)
            for (index, receipt) in receipts.enumerated() {
                switch receipt {
                case .stored(let id, let isDuplicate):
                    #expect(index != 3 && index != 17)
                    #expect(id == events[index].id && !isDuplicate)
                case .refused: #expect(index == 3 || index == 17)
                case .unknown: Issue.record("a poison event leaves no doubt")
                }
            }
            let stored = events.indices.filter { $0 != 3 && $0 != 17 }.map { events[$0].id }
            #expect(try await installation.feed().map(\.id) == stored)
        }
    }

    @Test func `an answer's text that the store cannot hold costs the text, not the outcome`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(
                installation, "one", endpoints: { _ in Self.endpoints(1) }, outcome: { _ in nil })
            try await contract.alongside(one.loops) {
                _ = try await one.process.log.ids(of: TestEvents.make(20))
                try await eventually("20 records") { one.worker.kept.count == 20 }
                let outcomes = one.worker.kept.enumerated().map { index, record in
                    var outcome = TestWorker.outcome(record, .finished)
                    if index % 7 == 0 { outcome.audit?.responseHeaders = "x: \u{0}" }
                    return outcome
                }
                try await one.process.lanes.settle(outcomes)
                try await eventually("20 audit rows") { try await installation.auditRows() == 20 }
            }
        }
    }

    @Test func `a full queue refuses, a dead server is told at once, and ready says so`() async throws {
        let installation = try await PostgresInstallation(ownsServer: true)
        var configuration = try await installation.process("one").configuration
        configuration.appending.queuedEvents = 100
        let log = PostgresEventLog(configuration, logger: TestDatabase.logger, metrics: MetricsRegistry())
        let running = Task { try await log.run() }
        try await eventually("ready") { log.isReady }
        try await installation.stopStore()
        let started = ContinuousClock.now
        await #expect(throws: BackboneError.self) { try await log.ids(of: TestEvents.make(1)) }
        #expect(started.duration(to: .now) < .seconds(3))
        try await eventually("not ready") { !log.isReady }
        try await installation.startStore()
        try await eventually("ready again") { log.isReady }

        // Somebody holds the head: calls wait, the queue fills, and nothing waits for long.
        try await installation.pool.withConnection { session in
            // For longer than the server lets a session of ours idle in a transaction.
            try await session.script(
                "set idle_in_transaction_session_timeout = 0; begin; select * from fanfare.feed_head for update")
            let codes = await withTaskGroup(of: BackboneError.Code?.self) { group in
                // Two connections may each have taken a full queue of 100 before they hang, and one more waits in it.
                for _ in 0..<400 {
                    group.addTask {
                        let result = await Result { () async throws(BackboneError) in
                            try await log.append(TestEvents.make(1))
                        }
                        guard case .failure(let error) = result else { return nil }
                        return error.code
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.contains(.overloaded))
            #expect(codes.contains(.unavailable))
            #expect(started.duration(to: .now) < .seconds(20))
        }
        await log.shutdown()
        try await running.value
        await installation.close()
    }

    @Test func `a delivery that somebody asked for comes through its lane`() async throws {
        try await contract.withInstallation { installation in
            let one = try await contract.running(installation, "one", endpoints: { _ in [] })
            let appender = PostgresLaneAppender(pool: installation.pool, lanes: installation.lanes)
            try await contract.alongside(one.loops) {
                let event = TestEvents.make(1)[0]
                _ = try await one.process.log.ids(of: [event])
                try await eventually("it is fanned out") { one.matcher.completed.count == 1 }
                let row = one.matcher.completed[0]
                let before = SystemClock().now()
                try await appender.append([
                    RequestedDelivery(
                        row: row, endpoint: TestEvents.endpoint(5), cause: .request("resend_1"), configVersion: 1,
                        envelope: event.envelope)
                ])
                try await eventually("it is delivered") { one.worker.sent.count == 1 }
                let record = one.worker.sent[0].record
                #expect(record.cause == .request("resend_1"))
                #expect(record.event == event.id)
                #expect(record.envelope == event.envelope)
                // Its age counts from the request.
                #expect(record.firstDueAt.microseconds(since: before) > -1_000_000)
            }
        }
    }

    static func endpoints(_ count: Int) -> [EndpointID] { (0..<count).map(TestEvents.endpoint) }
}

extension Result {
    init(_ body: () async throws(Failure) -> Success) async {
        do throws(Failure) {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
