internal import ServiceKit

/// Why a command did not do what it was asked. The message says what to do about it, where there is something to do.
struct ToolError: Error, Sendable, Hashable, CustomStringConvertible {
    enum Code: String, Sendable {
        /// The command line is wrong.
        case usage
        /// The installation that the command needs does not run.
        case notRunning = "not_running"
        /// Something else on this machine stands in the way: a port, a file, a program that is missing.
        case environment
        /// A program that was started ended, or did not get ready.
        case startFailed = "start_failed"
        /// The other end answered with an error, or not at all.
        case remote
        /// Told to end before the command was done.
        case interrupted
    }

    let code: Code
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    var description: String { message }

    var exitCode: ExitCode {
        switch code {
        case .usage: .usage
        case .notRunning: .notRunning
        case .environment, .startFailed, .remote, .interrupted: .failed
        }
    }
}
