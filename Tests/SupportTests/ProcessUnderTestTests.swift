import Glibc
import TestSupport
import Testing

@Suite struct ProcessUnderTestTests {
    private func shell(_ script: String, environment: [String: String?] = [:]) throws -> ProcessUnderTest {
        try ProcessUnderTest(
            "/bin/sh", ["-c", script], environment: environment, folder: try TestFolders.temporary("process"))
    }

    @Test func `output and status are kept`() async throws {
        let process = try shell("echo out; echo err >&2; exit 3")
        #expect(await process.end(within: .seconds(10)) == .exited(3))
        #expect(process.output == "out\n")
        #expect(process.errors == "err\n")
        #expect(!process.isRunning)
        // A late signal reaches nobody.
        process.send(.kill)
    }

    @Test func `a killed process tells the signal`() async throws {
        let process = try shell("echo up; read -r _ </dev/zero")
        try await process.waitForOutput("up")
        #expect(await process.end(within: .milliseconds(20)) == nil)
        process.send(.kill)
        #expect(await process.end(within: .seconds(10)) == .killed(by: SIGKILL))
    }

    @Test func `a stopped process goes on when it is told to`() async throws {
        let process = try shell("trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.05; done")
        try await process.waitForOutput("up")
        process.send(.stop)
        process.send(.terminate)
        #expect(await process.end(within: .milliseconds(150)) == nil)
        process.send(.continue)
        #expect(await process.end(within: .seconds(10)) == .exited(0))
        #expect(process.output == "up\nterm\n")
    }

    @Test func `one that does not obey is killed with its group`() async throws {
        let process = try shell("trap '' TERM; sleep 1000 & echo child $!; wait; wait")
        try await process.waitForOutput("child")
        let child = try #require(process.output.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) })
        #expect(await process.stop(within: .milliseconds(50)) == .killed(by: SIGKILL))
        try await eventually("the child is gone") { kill(child, 0) != 0 }
    }

    @Test func `waiting for output ends when the process does`() async throws {
        let process = try shell("echo something else")
        await #expect(throws: (any Error).self) { try await process.waitForOutput("never", within: .seconds(10)) }
    }

    @Test func `the environment can be changed, and settings of the developer's stay out`() async throws {
        setenv("FANFARE_LOG_LEVEL", "debug", 1)
        let process = try shell(
            "echo \"[$FANFARE_LOG_LEVEL][$EXTRA][$HOME]\"", environment: ["EXTRA": "x", "HOME": nil])
        #expect(await process.end(within: .seconds(10)) == .exited(0))
        #expect(process.output == "[][x][]\n")
    }

    @Test func `a program that is not there is an error`() {
        #expect(throws: SpawnError.self) { try ProcessUnderTest("no-such-program", folder: "/tmp") }
    }

    @Test func `what tests leave behind ends with the test process`() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let folder = try TestFolders.temporary("left")
            let process = try ProcessUnderTest("/bin/sh", ["-c", "sleep 1000 & wait"], folder: folder)
            let note = open("/tmp/fanfare-guard-test-\(getppid())", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            let line = "\(process.processID) \(folder)"
            write(note, line, line.utf8.count)
            close(note)
            kill(getpid(), SIGKILL)
        }
        let note = "/tmp/fanfare-guard-test-\(getpid())"
        defer { unlink(note) }
        let words = TestFolders.text(of: note).split(separator: " ").map(String.init)
        let group = try #require(words.first.flatMap { Int32($0) })
        let folder = try #require(words.last)
        try await eventually("the group is gone") { kill(-group, 0) != 0 }
        try await eventually("the folder is gone") { !TestFolders.exists(folder) }
    }
}
