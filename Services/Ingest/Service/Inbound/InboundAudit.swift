internal import Addresses
public import EventModel
public import Observability
internal import Synchronization

/// The rows of requests to doors that brought no event, on their way to `webhook_audit`; those of the others go with their
/// events (`EventAudit`). Bounded: while the database is away the newest wait, and what does not fit is counted as lost. No
/// request waits for its row.
public final class InboundAudit: Sendable {
    /// Writes rows; throws while it cannot.
    public typealias Write = @Sendable ([InboundRecord]) async throws -> Void

    /// Rows that may wait.
    private static let capacity = 50_000
    /// Rows of one statement.
    private static let batch = 1_000
    /// How long rows are gathered before they are written: few large statements cost the database a fraction of many small ones.
    private static let gathering: Duration = .milliseconds(200)
    private static let retryInterval: Duration = .milliseconds(500)

    private struct State {
        var waiting: [InboundRecord] = []
        var cap = RefusalCap()
        var isClosed = false
    }

    private let state = Mutex(State())
    private let write: Write
    private let clock: any WallClock
    private let log: LimitedLogger
    private let lost: Counter
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    public init(clock: any WallClock = SystemClock(), metrics: MetricsRegistry, logger: Logger, write: @escaping Write)
    {
        self.clock = clock
        self.write = write
        log = logger.limited()
        lost = metrics.counter(
            "fanfare_inbound_audit_lost_total", "Audit rows of requests that were dropped because too many waited.")
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes a row; refusals beyond the cap are only counted.
    func add(_ record: InboundRecord, source: IPAddress?) {
        let second = clock.now().microseconds / 1_000_000
        let isLost = state.withLock { state in
            Self.turn(&state, to: second)
            if record.verdict == .refused {
                let door = RefusalCap.Door(
                    tenant: record.tenant, channel: record.channel, integration: record.integration)
                if !state.cap.admits(source, door) { return false }
            }
            guard state.waiting.count < Self.capacity else { return true }
            state.waiting.append(record)
            return false
        }
        if isLost { lost.increment() }
        waker.yield()
    }

    private static func turn(_ state: inout State, to second: Int64) {
        for remainder in state.cap.turn(to: second) { state.waiting.append(row(remainder)) }
    }

    private static func row(_ remainder: RefusalCap.Remainder) -> InboundRecord {
        var record = InboundRecord(
            tenant: remainder.door.tenant, channel: remainder.door.channel, integration: remainder.door.integration,
            startedAt: Timestamp(seconds: remainder.minute), total: 0, status: 0, verdict: .refused)
        record.reason = "left_out"
        record.sourceIP = remainder.source?.description
        record.leftOut = remainder.count
        return record
    }

    /// Writes until closed and everything is written, or the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                // Ends minutes in which nothing came any more.
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    self.turnMinute()
                }
            }
            for await _ in wake {
                if !state.withLock({ $0.isClosed }) { try? await Task.sleep(for: Self.gathering) }
                await drain()
                if state.withLock({ $0.isClosed }) { break }
            }
            group.cancelAll()
        }
    }

    /// Takes nothing more from then on; `run` writes what waits and returns.
    public func shutdown() {
        state.withLock { state in
            state.isClosed = true
            for remainder in state.cap.remainders { state.waiting.append(Self.row(remainder)) }
            state.cap = RefusalCap()
        }
        waker.yield()
    }

    private func turnMinute() {
        let second = clock.now().microseconds / 1_000_000
        let hasNews = state.withLock { state in
            let before = state.waiting.count
            Self.turn(&state, to: second)
            return state.waiting.count > before
        }
        if hasNews { waker.yield() }
    }

    private func drain() async {
        while !Task.isCancelled {
            let batch = state.withLock { state in
                let batch = Array(state.waiting.prefix(Self.batch))
                state.waiting.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            do {
                try await write(batch)
            } catch {
                log.warning("inbound-audit-not-written", ["rows": .int(batch.count), "reason": .describing(error)])
                let isOver = state.withLock { state in
                    state.waiting.insert(contentsOf: batch, at: 0)
                    return state.isClosed
                }
                // The end of the process waits for no database.
                if isOver { return }
                try? await Task.sleep(for: Self.retryInterval)
            }
        }
    }
}
