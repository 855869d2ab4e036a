import Crypto
import Database
import TestSupport
import Testing

extension EndToEnd {
    /// What a service does about a database that is not as it needs it.
    @Suite struct SchemaTests {
        @Test(.timeLimit(.minutes(2)), arguments: ["ingest", "matcher", "delivery", "feed"])
        func `a service waits for the migration, and says so`(name: String) async throws {
            let bench = try await Bench()
            let service = try bench.start(name)
            try await service.waitForOutput("the schema lacks versions 1, 2, ")
            #expect(await bench.readiness()?.text.contains(#""failing":["starting","schema""#) == true)
            #expect(try await TestHTTP.request(port: bench.adminPort, "/livez").status == 200)
            let early = try await bench.tool(["tenant", "list"])
            #expect(early.code == .exited(1) && early.errors.contains("run `fanfare migrate`"), "\(early.errors)")

            #expect(try await bench.tool(["migrate"]).code == .exited(0))
            try await eventually("\(name) is ready") { await bench.readiness()?.status == 200 }
            #expect(await service.stop() == .exited(0))
        }

        @Test(.timeLimit(.minutes(2)))
        func `a service waits for Postgres, and ends when it is told to`() async throws {
            let bench = try await Bench(database: "nobody_made_it")
            let service = try bench.start("ingest")
            try await service.waitForOutput("waiting for the database")
            #expect(await bench.readiness()?.status == 503)
            #expect(await service.stop() == .exited(0))
        }

        @Test(.timeLimit(.minutes(2)))
        func `newer schemas are worked on until they need newer programs`() async throws {
            let bench = try await Bench(migrated: true)
            try await bench.sql("insert into fanfare.schema_migrations (version, name) values (9001, 'later')")
            let service = try bench.start("feed")
            try await eventually("it is ready") { await bench.readiness()?.status == 200 }
            #expect(await service.stop() == .exited(0))
            #expect(try await bench.tool(["tenant", "list"]).code == .exited(0))
            #expect(try await bench.tool(["migrate"]).code == .exited(0))

            try await bench.sql("update fanfare.schema_migrations set compatible_from = 9000 where version = 9001")
            for name in ["ingest", "matcher", "delivery", "feed"] {
                let refused = try bench.start(name)
                #expect(await refused.end(within: .seconds(30)) == .exited(2))
                #expect(refused.errors.contains("needs programs that know version 9000"), "\(refused.errors)")
            }
            for command in [["tenant", "list"], ["migrate"]] {
                let refused = try await bench.tool(command)
                #expect(refused.code == .exited(1) && refused.errors.contains("9000"), "\(refused.errors)")
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `other counts of partitions than the installation has are refused`() async throws {
            let bench = try await Bench(migrated: true)
            let first = try bench.start("feed", ["FANFARE_LANES_PARTITIONS": "24"])
            try await eventually("it is ready") { await bench.readiness()?.status == 200 }
            #expect(await first.stop() == .exited(0))

            for name in ["ingest", "matcher", "delivery", "feed"] {
                let refused = try bench.start(name, ["FANFARE_EVENTS_PARTITIONS": "6"])
                #expect(await refused.end(within: .seconds(30)) == .exited(2))
                #expect(refused.errors.contains("events.partitions is 6, and this installation has 12"))
                #expect(refused.errors.contains("lanes.partitions is 48, and this installation has 24"))
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `no service starts while partitions are growing, and the same command ends it`() async throws {
            let bench = try await Bench(migrated: true)
            let settings = ["FANFARE_EVENTS_PARTITIONS": "24", "FANFARE_LANES_PARTITIONS": "96"]
            try await bench.sql(
                """
                select fanfare.partition_count_v1('events', 12), fanfare.partition_count_v1('deliveries', 48);
                insert into fanfare.partition_growth (from_events, from_lanes, events, lanes) values (12, 48, 24, 96)
                """)
            let grow = "partitions grow --events 24 --lanes 96"
            for name in ["ingest", "matcher", "delivery", "feed"] {
                let refused = try bench.start(name, settings)
                #expect(await refused.end(within: .seconds(30)) == .exited(2))
                #expect(refused.errors.contains("run `fanfare \(grow)` again"), "\(refused.errors)")
            }
            let other = try await bench.tool(["partitions", "grow", "--lanes", "97"])
            #expect(other.code == .exited(2) && other.errors.contains("--events 24 --lanes 96"), "\(other.errors)")
            let ended = try await bench.tool(grow.split(separator: " ").map(String.init))
            #expect(ended.code == .exited(0), "\(ended.errors)")
            let service = try bench.start("feed", settings)
            try await eventually("it is ready") { await bench.readiness()?.status == 200 }
            #expect(await service.stop() == .exited(0))
        }

        @Test(.timeLimit(.minutes(2)))
        func `counts of before they were recorded are those of the leases`() async throws {
            let bench = try await Bench(migrated: true)
            try await bench.sql(
                """
                drop table fanfare.partition_counts; drop function fanfare.partition_count_v1;
                delete from fanfare.schema_migrations where version = 18;
                insert into fanfare.leases (topic, part) select 'deliveries', generate_series(0, 7)
                """)
            #expect(try await bench.tool(["migrate"]).code == .exited(0))
            let refused = try bench.start("delivery")
            #expect(await refused.end(within: .seconds(30)) == .exited(2))
            #expect(refused.errors.contains("lanes.partitions is 48, and this installation has 8"))
            let fitting = try bench.start("delivery", ["FANFARE_LANES_PARTITIONS": "8"])
            try await eventually("it is ready") { await bench.readiness()?.status == 200 }
            #expect(await fitting.stop() == .exited(0))
        }

        @Test(.timeLimit(.minutes(3)), .enabled(if: TestKafka.isAvailable, "there is no Kafka"))
        func `topics with other counts of partitions are refused`() async throws {
            let kafka = try #require(try await TestKafka.shared())
            let bench = try await Bench(migrated: true)
            let settings = [
                "FANFARE_BACKBONE": "kafka", "FANFARE_KAFKA_BROKERS": kafka.address,
                "FANFARE_KAFKA_TOPIC_PREFIX": "\(bench.database.name)-schema-", "FANFARE_EVENTS_PARTITIONS": "2",
                "FANFARE_LANES_PARTITIONS": "3",
            ]
            let first = try bench.start("ingest", settings)
            try await eventually("it is ready", within: .seconds(60)) { await bench.readiness()?.status == 200 }
            #expect(await first.stop() == .exited(0))
            for (name, setting, text) in [
                ("ingest", "FANFARE_EVENTS_PARTITIONS", "has 2 partitions and not 4"),
                ("matcher", "FANFARE_EVENTS_PARTITIONS", "has 2 partitions and not 4"),
                ("delivery", "FANFARE_LANES_PARTITIONS", "has 3 partitions and not 4"),
                ("feed", "FANFARE_LANES_PARTITIONS", "has 3 partitions and not 4"),
            ] {
                let refused = try bench.start(name, settings.merging([setting: "4"]) { $1 })
                #expect(await refused.end(within: .seconds(60)) == .exited(1))
                #expect(refused.errors.contains(text), "\(refused.errors)")
            }
        }
    }
}

/// A database, and single programs on it.
private struct Bench {
    let database: TestDatabase
    let folder: String
    let adminPort: Int
    private let environment: [String: String]

    /// - Parameter name: of a database that is not made.
    init(database name: String? = nil, migrated: Bool = false) async throws {
        database =
            if let name { TestDatabase(server: try await TestPostgres.shared(), name: name) } else {
                try await TestDatabase.make()
            }
        folder = try TestFolders.temporary("schema")
        let port = FreePorts.consecutive(2)
        adminPort = port
        environment = [
            "FANFARE_POSTGRES_DSN": database.dsn, "FANFARE_ADMIN_LISTEN": "127.0.0.1:\(port)",
            "FANFARE_INGEST_LISTEN": "127.0.0.1:\(port + 1)", "FANFARE_FEED_LISTEN": "127.0.0.1:\(port + 1)",
            "FANFARE_MASTER_KEY": MasterKey.generate().text,
        ]
        if migrated { _ = try await tool(["migrate"]) }
    }

    func start(_ name: String, _ settings: [String: String] = [:]) throws -> ProcessUnderTest {
        let variables = environment.merging(settings) { $1 }.filter { key, _ in
            switch key {
            case "FANFARE_INGEST_LISTEN": name == "ingest"
            case "FANFARE_FEED_LISTEN": name == "feed"
            default: true
            }
        }
        return try ProcessUnderTest(
            "fanfare-\(name)", environment: variables.mapValues { $0 }, folder: folder,
            log: "\(name)-\(UInt32.random(in: 0...UInt32.max))")
    }

    /// Nil where nobody listens (any more, or yet).
    func readiness() async -> TestAnswer? { try? await TestHTTP.request(port: adminPort, "/readyz") }

    func tool(_ arguments: [String]) async throws -> (code: ProcessEnd?, errors: String) {
        let process = try ProcessUnderTest(
            "fanfare", arguments, environment: ["FANFARE_POSTGRES_DSN": environment["FANFARE_POSTGRES_DSN"]],
            folder: folder, log: "tool-\(UInt32.random(in: 0...UInt32.max))")
        let end = await process.end(within: .seconds(60))
        return (end, process.errors + process.output)
    }

    func sql(_ text: String) async throws {
        let pool = database.pool(connections: 1)
        try await pool.script(text)
        await pool.shutdown()
    }
}
