internal import CLinux
internal import Glibc

/// The outermost frame of every executable: signals, exit codes, and the only task that nobody waits for.
public enum Program {
    /// Runs `body` and ends the process with its exit code. The first SIGTERM or SIGINT makes the request that `body` is
    /// given; the second ends the process at once.
    ///
    /// Called from `main.swift` and nothing before it, not even `await`: an asynchronous main leaves the first thread in
    /// a sleep that takes every signal, so that SIGTERM would simply kill the process. Here the first thread waits for
    /// signals itself, and all threads made later inherit a mask without them. (Children inherit it too: whoever starts
    /// any resets it.)
    public static func run(_ body: @escaping @Sendable (ShutdownSignal) async -> ExitCode) -> Never {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        // A peer that hangs up is an error of the write, not of the process.
        signal(SIGPIPE, SIG_IGN)

        let shutdown = ShutdownSignal()
        Task { end(await body(shutdown).rawValue) }
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            if !shutdown.request() { end(128 + number) }
        }
    }

    /// Ends the process without running what libraries registered for an orderly exit: their threads still run, and
    /// tearing down under them crashes.
    static func end(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    /// The arguments without the program's name.
    public static var arguments: [String] { Array(CommandLine.arguments.dropFirst()) }

    /// The process's environment.
    public static var environment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            if let equals = line.firstIndex(of: "=") {
                variables[String(line[..<equals])] = String(line[line.index(after: equals)...])
            }
            entry += 1
        }
        return variables
    }

    static func print(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let written = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress?.advanced(by: start), bytes.count - start)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            start += written
        }
    }
}
