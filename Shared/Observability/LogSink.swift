internal import Glibc
internal import Synchronization

/// Where finished lines go.
public protocol LogSink: Sendable {
    /// Takes one JSON line with its line feed. Called from any thread, never under a lock of the caller's.
    func write(_ line: [UInt8])
}

/// Lines to standard error, each whole: concurrent writers do not cut into one another.
///
/// A write waits for whoever reads the other end; a service's supervisor has to read its log. A broken pipe is ignored,
/// since there is no better place to report it to.
public struct StandardErrorSink: LogSink {
    public init() {}

    public func write(_ line: [UInt8]) {
        standardErrorLock.withLock { _ in
            line.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let written = Glibc.write(
                        STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if written < 0, errno == EINTR { continue }
                    if written <= 0 { return }
                    rest = rest.dropFirst(written)
                }
            }
        }
    }
}

/// One for the process, as its standard error is.
private let standardErrorLock = Mutex(())
