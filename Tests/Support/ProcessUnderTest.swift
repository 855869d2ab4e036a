internal import CLinux
internal import Glibc
internal import Synchronization

/// How a process ended.
public enum ProcessEnd: Hashable, Sendable {
    case exited(Int32)
    case killed(by: Int32)
}

/// A program of ours that a test starts, watches and kills.
///
/// It runs in a process group of its own; its output goes to files in its folder. Whatever is left of the group is
/// killed when the test process ends, however that ends.
///
/// ```swift
/// let ingest = try ProcessUnderTest("fanfare-ingest", ["--config", file], folder: folder)
/// try await ingest.waitForOutput("\"msg\":\"ready\"")
/// ingest.send(.kill)
/// #expect(try await ingest.end(within: .seconds(5)) == .killed(by: 9))
/// ```
public final class ProcessUnderTest: Sendable {
    public enum Signal: Sendable { case terminate, interrupt, kill, stop, `continue`, quit }

    private enum State {
        case running([Int: CheckedContinuation<ProcessEnd?, Never>])
        case ended(ProcessEnd)
    }

    public let processID: Int32
    /// The files that standard output and standard error are appended to.
    public let outputPath: String
    public let errorPath: String
    private let state = Mutex((State.running([:]), nextWaiter: 0))

    /// Starts `program`: a path, or the name of a product of this package.
    ///
    /// - Parameter environment: changes to this process's own; nil removes a variable. `FANFARE_` variables of the
    ///   developer's are never passed on.
    public convenience init(
        _ program: String, _ arguments: [String] = [], environment: [String: String?] = [:], folder: String,
        log: String? = nil
    ) throws {
        let path = program.contains("/") ? program : "\(TestFolders.products)/\(program)"
        let name = log ?? String(program.split(separator: "/").last ?? "program")
        try self.init([path] + arguments, environment: environment, folder: folder, name: name)
    }

    private init(_ command: [String], environment: [String: String?], folder: String, name: String) throws {
        outputPath = "\(folder)/\(name).out"
        errorPath = "\(folder)/\(name).err"
        let variables = Spawn.environment(environment).filter { line in
            !line.hasPrefix("FANFARE_") || environment.keys.contains(String(line.prefix { $0 != "=" }))
        }
        processID = try Spawn.run(
            command, environment: variables, input: nil, output: outputPath, errors: errorPath, folder: folder)
        try ProcessGuard.shared.watch(group: processID)
        // waitid blocks.
        TestThread { self.waitUntilEnded() }.detach()
    }

    /// Sends a signal to the process alone. Nothing happens when it has ended.
    public func send(_ signal: Signal) {
        let number: Int32
        switch signal {
        case .terminate: number = SIGTERM
        case .interrupt: number = SIGINT
        case .kill: number = SIGKILL
        case .stop: number = SIGSTOP
        case .continue: number = SIGCONT
        case .quit: number = SIGQUIT
        }
        // Under the lock, so that the number still is this process's: it is reaped before the state changes to ended,
        // but only after waitid without reaping has returned.
        state.withLock { if case .running = $0.0 { Glibc.kill(processID, number) } }
    }

    public var isRunning: Bool {
        state.withLock { if case .running = $0.0 { true } else { false } }
    }

    /// Waits for the end, or nil when it has not come within `limit`.
    public func end(within limit: Duration) async -> ProcessEnd? {
        await withTaskGroup(of: ProcessEnd?.self) { group in
            group.addTask { await self.end() }
            group.addTask {
                // Cancelled as soon as the process has ended.
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    /// Asks it to end, waits up to `limit`, then kills its group. Returns how it ended.
    @discardableResult public func stop(within limit: Duration = .seconds(30)) async -> ProcessEnd {
        send(.terminate)
        if let end = await end(within: limit) { return end }
        state.withLock { if case .running = $0.0 { Glibc.kill(-processID, SIGKILL) } }
        return await end() ?? .killed(by: SIGKILL)
    }

    /// What it wrote to standard output so far.
    public var output: String { TestFolders.text(of: outputPath) }
    /// What it wrote to standard error so far: a service's log.
    public var errors: String { TestFolders.text(of: errorPath) }

    /// Waits until `text` stands in one of its outputs; throws at once when it ended without having written it.
    public func waitForOutput(_ text: String, within limit: Duration = .seconds(20)) async throws {
        try await eventually("\(outputPath) has \(text)", within: limit) {
            let isRunning = isRunning
            if output.contains(text) || errors.contains(text) { return true }
            guard isRunning else { throw SpawnError("the process ended without writing \(text): \(errors)") }
            return false
        }
    }

    /// nil when the waiting task is cancelled.
    private func end() async -> ProcessEnd? {
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let end: ProcessEnd?? = state.withLock { state in
                    switch state.0 {
                    case .ended(let end): return .some(end)
                    case .running(var waiting):
                        guard !Task.isCancelled else { return .some(nil) }
                        waiting[waiter] = continuation
                        state.0 = .running(waiting)
                        return nil
                    }
                }
                if let end { continuation.resume(returning: end) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                guard case .running(var waiting) = state.0 else { return CheckedContinuation<ProcessEnd?, Never>?.none }
                let continuation = waiting.removeValue(forKey: waiter)
                state.0 = .running(waiting)
                return continuation
            }
            continuation?.resume(returning: nil)
        }
    }

    private func waitUntilEnded() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let waiting = state.withLock { state in
            var status: Int32 = 0
            while waitpid(processID, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            let end = signal == 0 ? ProcessEnd.exited(status >> 8 & 0xFF) : .killed(by: signal)
            guard case .running(let waiting) = state.0 else { preconditionFailure("a process ends once") }
            state.0 = .ended(end)
            return (end, waiting.values)
        }
        for continuation in waiting.1 { continuation.resume(returning: waiting.0) }
    }
}
