internal import Synchronization

extension Logger {
    /// The same log for things that can happen thousands of times a second: at most `burst` entries of each message in
    /// any window of `interval`. The first entry after a silence tells how many were left out (`suppressed`).
    ///
    /// - Parameter now: the instant on a monotonic clock.
    public func limited(
        to burst: Int = 5, every interval: Duration = .seconds(10),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) -> LimitedLogger {
        LimitedLogger(self, burst: burst, interval: interval, now: now)
    }
}

/// A `Logger` with a bound on how often it writes each message; see `Logger.limited`. Copies of the reference share the
/// bound. Its memory is bounded by the number of messages in the source, since a message is a constant.
public final class LimitedLogger: Sendable {
    private struct Window {
        var start: ContinuousClock.Instant
        var written = 0
        var suppressed = 0
    }

    /// A level and the address of a constant.
    private struct Key: Hashable {
        let level: LogLevel
        let message: Int
    }

    private let logger: Logger
    private let burst: Int
    private let interval: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    private let windows = Mutex<[Key: Window]>([:])

    init(_ logger: Logger, burst: Int, interval: Duration, now: @escaping @Sendable () -> ContinuousClock.Instant) {
        self.logger = logger
        self.burst = burst
        self.interval = interval
        self.now = now
    }

    public func debug(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.debug, message, fields)
    }

    public func info(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.info, message, fields)
    }

    public func warning(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.warning, message, fields)
    }

    public func error(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.error, message, fields)
    }

    private func write(_ level: LogLevel, _ message: StaticString, _ fields: KeyValuePairs<String, LogValue>) {
        guard level >= logger.level else { return }
        let address =
            message.hasPointerRepresentation ? Int(bitPattern: message.utf8Start) : Int(message.unicodeScalar.value)
        guard let suppressed = admit(Key(level: level, message: address)) else { return }
        logger.write(level, message, fields, suppressed: suppressed)
    }

    /// How many entries were left out before this one, or nil when this one is left out too.
    private func admit(_ key: Key) -> Int? {
        let instant = now()
        return windows.withLock { windows in
            var window = windows[key] ?? Window(start: instant)
            defer { windows[key] = window }
            if instant - window.start >= interval {
                let suppressed = window.suppressed
                window = Window(start: instant, written: 1)
                return suppressed
            }
            if window.written < burst {
                window.written += 1
                return 0
            }
            window.suppressed += 1
            return nil
        }
    }
}
