internal import CLinux
internal import Glibc

/// A program to start.
struct Spawn: Sendable {
    /// The program's path first.
    var arguments: [String]
    /// `NAME=value` each.
    var environment: [String] = []
    /// What standard output and standard error are appended to; `/dev/null` where nil.
    var output: String?
    /// Where it begins.
    var folder: String?
    /// A descriptor of ours that it gets as number 3.
    var inherited: Int32?
    /// Whether it gets a session of its own, so that no signal of the terminal reaches it.
    var hasOwnSession = true

    private static let inheritedNumber: Int32 = 3
    /// glibc shows it for _GNU_SOURCE only.
    private static let setSession: Int16 = 0x80

    /// Starts it and returns its process.
    func start() throws(ToolError) -> ProcessIdentity {
        let pid = try launch(standardOutput: nil)
        // It may be gone already; its number is not given away until we have waited for it.
        guard let process = ProcessTable.identity(pid) else {
            throw ToolError(.startFailed, "\(arguments.first ?? "") ended at once")
        }
        return process
    }

    /// How a program ended that was waited for.
    struct Result: Sendable {
        /// The exit code, or 128 and the signal's number.
        var status: Int32
        /// What it wrote to both outputs.
        var output: String
    }

    /// Runs it to its end.
    func run() async throws(ToolError) -> Result {
        let spawn = self
        let result: Swift.Result<Result, ToolError> = await OwnThread.run("spawn") {
            Swift.Result { () throws(ToolError) in try spawn.runBlocking() }
        }
        return try result.get()
    }

    private func runBlocking() throws(ToolError) -> Result {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw Files.failure("pipe") }
        let pid: Int32
        do {
            pid = try launch(standardOutput: ends[1])
        } catch {
            close(ends[0])
            close(ends[1])
            throw error
        }
        close(ends[1])
        let output = Files.bytes(ends[0]) ?? []
        close(ends[0])
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return Result(
            status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: String(decoding: output, as: UTF8.self))
    }

    private func launch(standardOutput: Int32?) throws(ToolError) -> Int32 {
        guard let program = arguments.first else { preconditionFailure("a command names its program") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        if let standardOutput {
            posix_spawn_file_actions_adddup2(&actions, standardOutput, STDOUT_FILENO)
        } else {
            posix_spawn_file_actions_addopen(
                &actions, STDOUT_FILENO, output ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, Files.publicMode)
        }
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // Last, since one of those above may have this number.
        if let inherited { posix_spawn_file_actions_adddup2(&actions, inherited, Self.inheritedNumber) }
        posix_spawn_file_actions_addclosefrom_np(
            &actions, inherited == nil ? Self.inheritedNumber : Self.inheritedNumber + 1)
        if let folder { posix_spawn_file_actions_addchdir_np(&actions, folder) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This process blocks SIGTERM and SIGINT and ignores SIGPIPE; a child inherits both unless told otherwise.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let session = hasOwnSession ? Self.setSession : 0
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | session)

        var pid: Int32 = 0
        let code = Self.withCStrings(arguments) { arguments in
            Self.withCStrings(environment) { posix_spawn(&pid, program, &actions, &attributes, arguments, $0) }
        }
        guard code == 0 else {
            throw ToolError(.environment, "cannot start \(program): \(String(cString: strerror(code)))")
        }
        return pid
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else {
                preconditionFailure("the list ends in nil, so it has an address")
            }
            return body(base)
        }
    }
}
