/// What a program tells its caller when it ends.
public enum ExitCode: Int32, Sendable, Hashable {
    case done = 0
    case failed = 1
    /// The command line or the configuration is wrong; starting again will not help.
    case usage = 2
    /// The tool's: what it was to talk to does not run.
    case notRunning = 3
}
