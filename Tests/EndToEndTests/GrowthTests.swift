import Database
import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// `fanfare partitions grow`: an installation with a backlog of every kind goes on with more partitions.
    @Suite struct GrowthTests {
        private static let events = (before: 3, after: 4)
        private static let lanes = (before: 7, after: 11)

        /// Receivers and what they are sent.
        private struct Crowd {
            var healthy: [WatchedWebhook] = []
            /// Answers 500 to a few events: their next attempts wait.
            var retrying: WatchedWebhook
            /// Answers 500 to all: its backlog becomes a cursor.
            var behind: WatchedWebhook

            var all: [WatchedWebhook] { healthy + [retrying, behind] }
        }

        @Test(.timeLimit(.minutes(5)), arguments: TestBackbone.available)
        func `what waits anywhere is delivered once by whoever owns it after the growth`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await backbone.start(settings: [
                "events.partitions = \(Self.events.before)", "lanes.partitions = \(Self.lanes.before)",
            ])
            let isHealed = TestValue(false)
            let crowd = try await Self.crowd(installation, isHealed)
            var acknowledged: [DeliveryEvidence.Acknowledged] = []
            func publish(_ name: String, _ count: Int, type: String = "growth.load") async throws {
                let load = LoadWriter(installation, count: count, type: type, name: name)
                try await load.run()
                #expect(load.refusals == [])
                acknowledged += load.acknowledged
            }

            // A cursor that catches up, and retries that wait.
            try await publish("retried", 6, type: "growth.retried")
            try await publish("first", 240)
            try await eventually("a span is open", within: .seconds(60)) {
                try await installation.count("fanfare.cursors where state = 'active' and kind = 'span'") > 0
            }
            try await eventually("the first attempts were made", within: .seconds(60)) {
                crowd.retrying.receiver.requests.values.count >= 6
            }
            let running = try await installation.tool(["partitions", "grow", "--lanes", "\(Self.lanes.after)"])
            #expect(running.code == 1 && running.errors.contains("fanfare-delivery (pid "), "\(running.errors)")
            let shown = try await installation.tool(["partitions", "show", "--json"])
            #expect(shown.output == Self.json(backbone, Self.events.before, Self.lanes.before), "\(shown.errors)")

            // Deliveries in the lanes that nobody takes, then events that nobody fans out.
            try await installation.end(.delivery)
            try await publish("unsent", 60)
            try await eventually("all is fanned out", within: .seconds(60)) {
                let stored = try await installation.count("fanfare.events")
                // Parts without events too: retention waits for the one that stands furthest back.
                let behind = try await installation.count(
                    "fanfare.progress p, fanfare.feed_head h where p.topic = 'events' and p.fanned < h.next_pos - 1")
                return stored >= Int64(acknowledged.count) && behind == 0
            }
            try await installation.end(.matcher)
            try await publish("unfanned", 60)
            try await installation.down()

            try await Self.expectRefusals(installation)
            let grow = ["partitions", "grow", "--events", "\(Self.events.after)", "--lanes", "\(Self.lanes.after)"]
            let dry = try await installation.tool(grow + ["--dry-run"], within: .seconds(120))
            #expect(dry.code == 0 && dry.output.contains("would move "), "\(dry.errors)")
            let grown = try await installation.tool(grow, within: .seconds(120))
            #expect(grown.code == 0, "\(grown.errors)")
            print("\(backbone.rawValue): \(grown.output)")
            #expect(grown.output.contains("events  \(Self.events.before) → \(Self.events.after)"))
            #expect(
                !grown.output.contains("moved 0 deliveries") && !grown.output.contains(" 0 waiting"), "\(grown.output)")

            isHealed.value = true
            try await installation.up()
            let again = try await installation.tool(["partitions", "show", "--json"])
            #expect(again.output == Self.json(backbone, Self.events.after, Self.lanes.after))
            let moved = try await installation.findings(
                crowd.all, acknowledged: acknowledged, within: .seconds(120))
            #expect(moved == [])
            // Who joins while much is under way may send some of it again; that is not what this test is about.
            let others = [try installation.startAnother(.delivery), try installation.startAnother(.matcher)]
            for other in others { try await other.ready() }
            try await Self.expectShares(installation, others)
            try await publish("after", 60)
            let findings = try await installation.findings(
                crowd.all, acknowledged: acknowledged, within: .seconds(120))
            #expect(findings == [])
            for other in others { await other.process.stop() }
            try await installation.down()
        }

        private static func crowd(_ installation: Installation, _ isHealed: TestValue<Bool>) async throws -> Crowd {
            func failing() throws -> TestReceiver {
                try TestReceiver { _ in isHealed.value ? [.answer(204)] : [.answer(500)] }
            }
            let steps = #""schedule":[0,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5]"#
            var crowd = Crowd(
                retrying: try await installation.watch(try failing(), events: ["growth.retried"], steps),
                behind: try await installation.watch(try failing(), events: ["growth.load"], steps))
            for _ in 0..<6 {
                crowd.healthy.append(
                    try await installation.watch(try TestReceiver { _ in [.answer(204)] }, events: ["growth.load"]))
            }
            return crowd
        }

        private static func json(_ backbone: TestBackbone, _ events: Int, _ lanes: Int) -> String {
            #"{"backbone":"\#(backbone.rawValue)","events":\#(events),"lanes":\#(lanes)}"# + "\n"
        }

        private static func expectRefusals(_ installation: Installation) async throws {
            for (arguments, text) in [
                (["--lanes", "\(lanes.before - 1)"], "partitions only grow"),
                (["--events", "1"], "partitions only grow"), (["--lanes", "0"], "from 1 to 1024"),
                (["--lanes", "1025"], "from 1 to 1024"), (["--lanes", "-7"], "from 1 to 1024"),
                (["--lanes", "many"], "from 1 to 1024"), ([], "say what is to grow"),
            ] {
                let refused = try await installation.tool(["partitions", "grow"] + arguments, within: .seconds(120))
                #expect(refused.code == 2 && refused.errors.contains(text), "\(arguments): \(refused.errors)")
            }
        }

        /// Every partition has an owner, and two processes share them.
        private static func expectShares(
            _ installation: Installation, _ others: [Installation.Another]
        ) async throws {
            let stages = [("deliver", Installation.Service.delivery, lanes.after), ("fan-out", .matcher, events.after)]
            for ((stage, service, count), other) in zip(stages, others) {
                let ports = [installation.status.adminPort(service), other.adminPort]
                let start = #"fanfare_partitions_owned{stage="\#(stage)"} "#
                try await eventually("two share \(count) partitions of \(stage)", within: .seconds(40)) {
                    var shares: [Int] = []
                    for port in ports {
                        let metrics = try await TestHTTP.request(port: port, "/metrics").text
                        let line = metrics.split(separator: "\n").first { $0.hasPrefix(start) }
                        shares.append(line.flatMap { Double($0.dropFirst(start.count)) }.map { Int($0) } ?? 0)
                    }
                    return shares.reduce(0, +) == count && shares.allSatisfy { $0 > 0 }
                }
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `a growth that is killed has done nothing, and is made again`() async throws {
            let database = try await TestDatabase.make()
            let folder = try TestFolders.temporary("growth")
            let environment: [String: String?] = ["FANFARE_POSTGRES_DSN": database.dsn]
            func start(_ arguments: [String]) throws -> ProcessUnderTest {
                try ProcessUnderTest(
                    "fanfare", arguments, environment: environment, folder: folder,
                    log: "tool-\(UInt32.random(in: 0...UInt32.max))")
            }
            #expect(await (try start(["migrate"])).end(within: .seconds(60)) == .exited(0))
            let never = try start(["partitions", "show"])
            #expect(await never.end(within: .seconds(60)) == .exited(1))
            #expect(never.errors.contains("no service was started"), "\(never.errors)")
            let pool = database.pool(connections: 2)
            try await pool.script(
                "select fanfare.partition_count_v1('events', 12), fanfare.partition_count_v1('deliveries', 48)")

            let grow = ["partitions", "grow", "--events", "24", "--lanes", "96"]
            try await pool.withConnection { session in
                try await session.perform {
                    try $0.script(
                        "set idle_in_transaction_session_timeout = 0; begin; select next_seq from fanfare.lane_head for update"
                    )
                }
                let killed = try start(grow)
                let waiting = Statement(
                    "growth.waiting",
                    "select count(*) from pg_stat_activity where application_name = 'fanfare' and wait_event_type = 'Lock'"
                )
                try await eventually("it waits in the middle") { try await pool.execute(waiting).int64(0, 0) == 1 }
                killed.send(.kill)
                #expect(await killed.end(within: .seconds(30)) == .killed(by: 9))
                try await session.perform { try $0.script("rollback; reset idle_in_transaction_session_timeout") }
            }
            func show() async throws -> String {
                let shown = try start(["partitions", "show"])
                #expect(await shown.end(within: .seconds(60)) == .exited(0), "\(shown.errors)")
                return shown.output
            }
            #expect(try await show() == "backbone postgres\nevents   12\nlanes    48\n")
            for _ in 0..<2 {
                let grown = try start(grow)
                #expect(await grown.end(within: .seconds(60)) == .exited(0), "\(grown.errors)")
                #expect(
                    grown.output.hasSuffix("Start the services with events.partitions = 24 and lanes.partitions = 96\n")
                )
            }
            #expect(try await show() == "backbone postgres\nevents   24\nlanes    96\n")
            await pool.shutdown()
            try await database.drop()

            let away = try start(grow)
            #expect(await away.end(within: .seconds(60)) == .exited(1))
            #expect(away.errors.contains("the database: "), "\(away.errors)")
        }
    }
}

extension Installation {
    fileprivate func count(_ from: String) async throws -> Int64 {
        guard case .number(let number)? = try await rows(of: "select count(*) as n from \(from)").first?["n"] else {
            throw EndToEndError(description: "no count of \(from)")
        }
        return number.int ?? 0
    }

    /// SIGTERM; returns when the process is gone.
    fileprivate func end(_ service: Service) async throws {
        let pid = try processID(service)
        try terminate(service)
        try await Self.waitUntilGone(pid)
    }
}
