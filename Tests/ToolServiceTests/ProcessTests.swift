internal import Glibc
internal import TestSupport
internal import Testing

@testable internal import ToolService

@Suite struct ProcessTests {
    @Test func `a line of the kernel's is read whatever the program is called`() throws {
        let line =
            "42 (a ) (b) R 7 42 42 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 3 0 9876 1000000 250 18446744073709551615 1"
        let information = try #require(ProcessInformation(parsing: line))
        #expect(information.name == "a ) (b" && information.state == "R" && information.parent == 7)
        #expect(information.cpuTicks == 33 && information.endedChildrenTicks == 77 && information.startTime == 9876)
        #expect(information.threads == 3 && !information.isZombie)
        let ended = line.replacing(") R ", with: ") Z ")
        // The others still hold the ports and files of the process.
        #expect(ProcessInformation(parsing: ended)?.isZombie == false)
        #expect(ProcessInformation(parsing: ended.replacing(" 20 0 3 ", with: " 20 0 1 "))?.isZombie == true)
        #expect(ProcessInformation(parsing: "") == nil)
        #expect(ProcessInformation(parsing: "1 (x) S 1 2") == nil)
    }

    @Test func `a process lives until it is killed, and its number is not taken for another's`() async throws {
        let process = try Spawn(arguments: ["/bin/sleep", "60"]).start()
        #expect(process.isAlive)
        #expect(!ProcessIdentity(pid: process.pid, startTime: process.startTime + 1).isAlive)
        #expect(await !ProcessTable.waitForEnd(of: process, within: .milliseconds(10)))
        process.send(SIGKILL)
        #expect(await ProcessTable.waitForEnd(of: process, within: .seconds(10)))
        #expect(!process.isAlive)
        // It is taken away too: an ended child of ours that nobody waits for makes Swift Testing's exit tests hang.
        #expect(waitpid(process.pid, nil, WNOHANG) == -1)
    }

    @Test func `what a program writes and how it ends is told`() async throws {
        let result = try await Spawn(arguments: ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]).run()
        #expect(result.status == 3)
        #expect(result.output == "out\nerr\n")
        let killed = try await Spawn(arguments: ["/bin/sh", "-c", "kill -9 $$"]).run()
        #expect(killed.status == 137)
        await #expect(throws: ToolError.self) { try await Spawn(arguments: ["/no/such"]).run() }
    }

    @Test func `a descriptor is handed on as number 3 and no other is`() async throws {
        let folder = try TestFolders.temporary("spawn")
        try Files.write("handed", to: "\(folder)/x", mode: 0o644)
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        let result = try await Spawn(
            arguments: ["/bin/sh", "-c", "cat /proc/self/fd/3/x; ls /proc/$$/fd"], inherited: descriptor
        ).run()
        #expect(result.output.hasPrefix("handed"))
        #expect(!result.output.contains("\n4\n"))
    }

    @Test func `a child takes the signals that we block`() async throws {
        let result = try await Spawn(arguments: ["/bin/sh", "-c", "kill -TERM $$; sleep 5; echo alive"]).run()
        #expect(result.status == 128 + 15)
    }
}
