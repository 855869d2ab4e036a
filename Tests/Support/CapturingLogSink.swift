public import Observability
internal import Synchronization

/// A sink that keeps the lines, for tests that look at the log.
public final class CapturingLogSink: LogSink {
    private let captured = Mutex<[String]>([])

    public init() {}

    public func write(_ line: [UInt8]) {
        captured.withLock { $0.append(String(decoding: line.dropLast(), as: UTF8.self)) }
    }

    /// The lines so far, each a JSON object without its line feed.
    public var lines: [String] { captured.withLock { $0 } }
}
