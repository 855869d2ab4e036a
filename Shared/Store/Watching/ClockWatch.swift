public import Database
internal import EventModel
public import Observability
internal import Synchronization

/// Compares this machine's clock with the store's: the feed's order of time rests on it, signatures of senders are judged
/// by it, and deliveries carry it.
public final class ClockWatch: Sendable {
    /// Time between two looks.
    private static let interval: Duration = .seconds(10)
    /// Beyond it a process that makes events is not to be sent any (design: `recorded_at` is capped at so much).
    public static let tolerance = 5.0

    private static let now = Statement("watch.clock", "select clock_timestamp()")

    private let executor: any StatementExecutor
    private let clock: any WallClock
    /// Seconds that our clock is ahead; nil before the first look.
    private let offset = Mutex<Double?>(nil)

    public convenience init(_ executor: any StatementExecutor, metrics: MetricsRegistry) {
        self.init(executor, clock: SystemClock(), metrics: metrics)
    }

    init(_ executor: any StatementExecutor, clock: any WallClock, metrics: MetricsRegistry) {
        self.executor = executor
        self.clock = clock
        metrics.observedGauge(
            "fanfare_clock_offset_seconds", "How far this machine's clock is ahead of the store's."
        ) { [weak self] in self?.offset.withLock(\.self) ?? 0 }
    }

    /// False where the clocks are known to differ by more than the tolerance.
    public var isTrusted: Bool { offset.withLock { abs($0 ?? 0) <= Self.tolerance } }

    /// Looks until the task is cancelled; while the store is away the last figure stays.
    public func run() async {
        while !Task.isCancelled {
            do {
                try await look()
                try await ContinuousClock().sleep(for: Self.interval)
            } catch is DatabaseError {
                guard (try? await ContinuousClock().sleep(for: Self.interval)) != nil else { return }
            } catch {
                return
            }
        }
    }

    /// One look. The answer is as old as half of the way there and back; a slow one tells nothing.
    func look() async throws {
        let sent = clock.now()
        let store = try await executor.execute(Self.now).timestamp(0, 0)
        let received = clock.now()
        let way = received.microseconds(since: sent)
        guard (0..<Self.slowest).contains(way) else { return }
        let difference = received.adding(microseconds: -way / 2).microseconds(since: store)
        offset.withLock { $0 = Double(difference) / 1_000_000 }
    }

    /// Microseconds.
    private static let slowest: Int64 = 1_000_000
}
