import Glibc
import TestSupport
import Testing

@Suite struct ServiceMainTests {
    private let folder: String
    private let port = FreePorts.one()

    init() throws { folder = try TestFolders.temporary("service") }

    private func start(
        _ mode: String = "serves", _ arguments: [String] = [], environment: [String: String] = [:]
    ) throws -> ProcessUnderTest {
        var environment: [String: String?] = environment
        environment["EXAMPLE_MODE"] = mode
        return try ProcessUnderTest(
            "ExampleService", ["--admin-listen", "127.0.0.1:\(port)"] + arguments, environment: environment,
            folder: folder)
    }

    private func get(_ target: String) async throws -> TestAnswer { try await TestHTTP.request(port: port, target) }

    private func waitUntilStarted(_ process: ProcessUnderTest) async throws {
        try await process.waitForOutput(#""msg":"started""#)
    }

    @Test func `a service starts, tells how it fares, and ends in order when asked`() async throws {
        let process = try start()
        try await waitUntilStarted(process)
        let ready = try await get("/readyz")
        #expect(ready.status == 200)
        #expect(ready.text == #"{"ready":true,"failing":[]}"# + "\n")
        #expect(ready.header("content-type") == "application/json")
        #expect(try await get("/livez").status == 200)
        let metrics = try await get("/metrics")
        #expect(metrics.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
        #expect(metrics.text.contains(#"fanfare_build_info{service="fanfare-matcher""#))
        #expect(metrics.text.contains("\nfanfare_ready 1\n"))
        #expect(metrics.text.contains("\nprocess_resident_memory_bytes "))
        #expect(try await get("/other").status == 404)
        #expect(await process.stop(within: .seconds(10)) == .exited(0))
        let messages = process.errors.split(separator: "\n").compactMap { line in
            (line.firstMatch(of: /"msg":"([^"]*)"/)?.output.1).map(String.init)
        }
        #expect(
            messages.filter { !$0.hasPrefix("http") }
                == ["starting", "started", "ready", "shutting down", "intake drains", "ended"])
        #expect(process.output.isEmpty)
    }

    @Test func `what is missing for being ready is named`() async throws {
        let process = try start("lacks-database")
        try await waitUntilStarted(process)
        let answer = try await get("/readyz")
        #expect(answer.status == 503)
        #expect(answer.text == #"{"ready":false,"failing":["database"]}"# + "\n")
        #expect(try await get("/livez").status == 200)
        await process.stop()
    }

    @Test func `while it builds it is alive and not ready, and can be ended`() async throws {
        let process = try start("starts-slowly")
        try await process.waitForOutput(#""msg":"starting""#)
        let answer = try await eventually("the admin port is open") { try? await get("/readyz") }
        #expect(answer.text == #"{"ready":false,"failing":["starting"]}"# + "\n")
        #expect(await process.stop(within: .seconds(10)) == .exited(0))
    }

    @Test func `readiness turns first and requests are still taken during the delay`() async throws {
        let process = try start("serves", ["--shutdown-delay", "60s"])
        try await waitUntilStarted(process)
        process.send(.interrupt)
        try await process.waitForOutput("shutting down")
        let answer = try await get("/readyz")
        #expect(answer.status == 503)
        #expect(answer.text.contains("shutdown"))
        #expect(process.isRunning)
        // The second signal does not wait.
        process.send(.interrupt)
        #expect(await process.end(within: .seconds(10)) == .exited(128 + SIGINT))
        #expect(!process.errors.contains("intake drains"))
    }

    @Test func `who drains beyond the grace is named and left behind`() async throws {
        let process = try start("drains-forever", ["--shutdown-grace", "1s"])
        try await waitUntilStarted(process)
        process.send(.terminate)
        #expect(await process.end(within: .seconds(20)) == .exited(1))
        #expect(process.errors.contains(#""what":"intake,store""#))
    }

    @Test func `a part that fails ends the program with 1`() async throws {
        let process = try start("fails")
        #expect(await process.end(within: .seconds(20)) == .exited(1))
        #expect(process.errors.contains(#""msg":"a service failed","what":"intake","reason":"Broken()""#))
    }

    @Test func `a program that cannot be built ends with 1, and one that lacks settings with 2`() async throws {
        let broken = try start("cannot-start")
        #expect(await broken.end(within: .seconds(20)) == .exited(1))
        #expect(broken.errors.contains("the service cannot start"))
        let lacking = try start("needs-settings")
        #expect(await lacking.end(within: .seconds(20)) == .exited(2))
        #expect(lacking.errors.contains("postgres.dsn is needed"))
    }

    @Test func `bad settings end the program with 2 and a line each, without secrets`() async throws {
        let process = try start(
            "serves", ["--nonsense"], environment: ["FANFARE_LOG_LEVEL": "loud", "FANFARE_MASTER_KEY": "hunter2"])
        #expect(await process.end(within: .seconds(20)) == .exited(2))
        #expect(
            process.errors == """
                fanfare-matcher: --nonsense is not a flag; see --help
                fanfare-matcher: log.level = loud from FANFARE_LOG_LEVEL is none of the choices (debug, info, warning, error)

                """)
    }

    @Test func `help goes to standard output and is no failure`() async throws {
        let process = try start("serves", ["--help"])
        #expect(await process.end(within: .seconds(20)) == .exited(0))
        #expect(process.output.hasPrefix("fanfare-matcher: stands in for a service in tests\n"))
        #expect(process.errors.isEmpty)
    }

    @Test func `an admin port that is taken ends the program with 1`() async throws {
        let first = try start()
        try await waitUntilStarted(first)
        let second = try ProcessUnderTest(
            "ExampleService", ["--admin-listen", "127.0.0.1:\(port)"], folder: folder, log: "second")
        #expect(await second.end(within: .seconds(20)) == .exited(1))
        #expect(second.errors.contains("the admin server does not start"))
        await first.stop()
    }

    @Test func `a broken pipe is an error of the write and not of the process`() async throws {
        let process = try start("writes-to-nobody")
        try await waitUntilStarted(process)
        #expect(process.errors.contains(#""msg":"wrote to nobody","count":-1"#))
        await process.stop()
    }
}
