internal import Egress
internal import Observability
internal import ServiceKit
internal import Synchronization

/// Publishes events from one thread: the next when one is answered, or at a rate.
///
/// An event is timed from the moment when it was due, also when all connections were taken then: a slow server cannot
/// hide what it makes others wait.
final class LoadGenerator: Sendable {
    struct Result: Sendable {
        var accepted = 0
        /// By status, or 0 for exchanges without an answer.
        var refused: [Int: Int] = [:]
        var latencies = LatencySample()
        /// From the first sending to the last answer.
        var nanoseconds: Int64 = 0
    }

    private struct State {
        var next: Int
        let end: Int
        let start: Int64
        var outstanding = 0
        var due: [UInt64: Int64] = [:]
        var result: Result
        var isStopped = false

        var isOver: Bool { outstanding == 0 && (next == end || isStopped) }
    }

    private let plan: BenchPlan
    private let target: BenchTarget
    private let template: BenchPlan.Template
    private let state: Mutex<State>
    private let sender = Mutex<HTTPSender?>(nil)
    private let done = ShutdownSignal()

    /// The shortest time between two looks at what is due.
    private static let tick: Int64 = 250_000

    /// - Parameter ids: of the events; each is sent once.
    init(_ plan: BenchPlan, target: BenchTarget, ids: Range<Int>) {
        self.plan = plan
        self.target = target
        template = BenchPlan.Template(bytes: plan.bytes, door: target.key == nil ? .publish : .github)
        state = Mutex(
            State(
                next: ids.lowerBound, end: ids.upperBound, start: BenchClock.now(),
                result: Result(latencies: LatencySample(reserving: ids.count))))
    }

    /// Sends everything and waits for the answers; sends nothing more once `stop` is requested.
    func run(until stop: ShutdownSignal) async -> Result {
        let metrics = MetricsRegistry()
        let resolver = Resolver(metrics: metrics)
        let (first, start) = state.withLock { ($0.next, $0.start) }
        var settings = HTTPSender.Settings()
        settings.lanesPerThread = 1
        settings.idleConnectionsPerLane = plan.connections
        let made = HTTPSender(
            settings: settings,
            policy: AddressPolicy(allowsPrivateTargets: true, allowsPlainHTTP: true, deniedPorts: []),
            resolver: resolver, metrics: metrics
        ) { [unowned self] results in took(results, firstID: first, start: start) }
        sender.withLock { $0 = made }
        await withDiscardingTaskGroup { group in
            group.addTask {
                await stop.wait()
                self.halt()
            }
            if plan.rate != nil { group.addTask { await OwnThread.run("pacer") { self.pace(first, start) } } }
            submit(first, start)
            await done.wait()
            group.cancelAll()
        }
        made.stop()
        resolver.stop()
        return state.withLock(\.result)
    }

    private func halt() {
        let isOver = state.withLock { state in
            state.isStopped = true
            return state.isOver
        }
        if isOver { done.request() }
    }

    /// Wakes when the next events are due.
    private func pace(_ first: Int, _ start: Int64) {
        guard let rate = plan.rate else { return }
        while !done.isRequested {
            let (next, isFinished) = state.withLock { ($0.next, $0.next == $0.end || $0.isStopped) }
            if isFinished { return }
            let due = start + Int64(Double(next - first) / rate * 1e9)
            BenchClock.sleep(until: max(due, BenchClock.now() + Self.tick))
            submit(first, start)
        }
    }

    private func took(_ results: [ExchangeResult], firstID: Int, start: Int64) {
        let now = BenchClock.now()
        let isOver = state.withLock { state in
            for result in results {
                state.outstanding -= 1
                let due = state.due.removeValue(forKey: result.token) ?? now
                switch result.outcome {
                case .status(let status) where (200..<300).contains(status):
                    state.result.accepted += 1
                    state.result.latencies.add((now - due) / 1_000)
                case .status(let status): state.result.refused[status, default: 0] += 1
                case .failure: state.result.refused[0, default: 0] += 1
                }
            }
            state.result.nanoseconds = now - state.start
            return state.isOver
        }
        if isOver { done.request() } else { submit(firstID, start) }
    }

    /// Sends what is due and has a connection.
    private func submit(_ first: Int, _ start: Int64) {
        let now = BenchClock.now()
        let batch: [Exchange] = state.withLock { state in
            guard !state.isStopped else { return [] }
            var last = state.end
            if let rate = plan.rate { last = min(last, first + Int(Double(now - start) / 1e9 * rate) + 1) }
            var batch: [Exchange] = []
            while state.next < last, state.outstanding < plan.connections {
                let id = state.next
                let due = plan.rate.map { start + Int64(Double(id - first) / $0 * 1e9) } ?? now
                state.next += 1
                state.outstanding += 1
                state.due[UInt64(id)] = due
                let body = template.body(id: id, time: due)
                batch.append(
                    Exchange(
                        token: UInt64(id), target: target.url, headers: target.headers(id: id, body: body), body: body,
                        timeoutMilliseconds: 60_000))
            }
            return batch
        }
        guard !batch.isEmpty else { return }
        let isTaken = sender.withLock { $0?.submit(batch) ?? false }
        precondition(isTaken, "a sender has room for all connections")
    }
}
