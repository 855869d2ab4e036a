public import Observability
internal import Synchronization

/// Turns names into addresses on bounded threads of its own (`dns-0…`), since getaddrinfo blocks and libcurl's own
/// resolver starts a thread a name without bound.
///
/// One look-up at a time for a name, however many wait for it; answers are kept for 30 s, refreshed ahead in the last
/// third, and used for 10 minutes more while the name servers fail. What it answers is not judged: the caller asks the
/// `AddressPolicy` each time, so that an old answer is judged by today's rules.
public final class Resolver: Sendable {
    /// What a look-up is: all addresses of a name, blocking. Tests bring their own.
    public typealias Lookup = @Sendable (_ name: String) -> Result<[IPAddress], ResolveError>

    public struct Limits: Sendable {
        /// Threads at most; they start when they are needed.
        public var threads = 16
        /// How long an answer is used without asking again.
        public var freshFor = Duration.seconds(30)
        /// From this age on an answer is refreshed in the background when it is asked for.
        public var refreshAfter = Duration.seconds(20)
        /// How long an answer is used while newer ones cannot be had.
        public var staleFor = Duration.seconds(600)
        /// How long one waits for an answer.
        public var lookupDeadline = Duration.seconds(5)
        /// A look-up that takes longer makes the name a suspect.
        public var suspectAfter = Duration.milliseconds(500)
        /// How long a failure is an answer before the servers are asked again.
        public var pauseAfterFailure = Duration.seconds(5)
        /// Names that are kept.
        public var names = 20_000

        public init() {}

        /// Threads that names known to be slow may occupy.
        var suspectThreads: Int { max(1, threads / 2) }
        /// Threads that these and names never answered before may occupy.
        var doubtfulThreads: Int { max(1, threads - threads / 4) }
    }

    private struct State {
        var table: NameTable
        var threads = 0
        var idle = 0
        var hasClock = false
        var isStopped = false
    }

    private static let loopback = [IPAddress(v4: 0x7F00_0001), IPAddress(v6: 1)]

    private let limits: Limits
    private let lookup: Lookup
    private let now: @Sendable () -> ContinuousClock.Instant
    private let metrics: ResolverMetrics
    private let state: Mutex<State>
    private let work = WakeEvent(counts: true, blocks: true)
    private let clock = WakeEvent()

    /// - Parameters:
    ///   - limits: Bounds and times.
    ///   - metrics: Where look-ups are counted.
    ///   - lookup: The system's by default (`/etc/hosts`, DNS).
    ///   - now: The monotonic clock by which answers age.
    public init(
        limits: Limits = Limits(), metrics: MetricsRegistry, lookup: Lookup? = nil,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) {
        self.limits = limits
        self.lookup = lookup ?? SystemLookup.addresses(of:)
        self.now = now
        self.metrics = ResolverMetrics(metrics)
        self.state = Mutex(State(table: NameTable(limits: limits)))
    }

    /// The addresses of a name, from memory or by a look-up.
    public func addresses(of name: String) async throws(ResolveError) -> [IPAddress] {
        let answer = await withCheckedContinuation { (continuation: CheckedContinuation<NameTable.Answer, Never>) in
            let answer = ask(name) { answer in continuation.resume(returning: answer) }
            if let answer { continuation.resume(returning: answer) }
        }
        return try answer.get()
    }

    /// Answers at once if it can; else `waiter` is called exactly once, on a thread of the resolver's.
    func ask(_ name: String, waiter: @autoclosure () -> NameTable.Waiter) -> NameTable.Answer? {
        // RFC 6761 §6.3: the machine itself, and nobody's servers are asked.
        if name == "localhost" || name.hasSuffix(".localhost") { return .success(Self.loopback) }
        enum Need {
            case nothing, thread(Int), signal
        }
        let (reply, need, startsClock, wakesClock) = state.withLock { state -> (NameTable.Reply, Need, Bool, Bool) in
            guard !state.isStopped else {
                return (.answer(.failure(ResolveError(.stopped, "the resolver was stopped"))), .nothing, false, false)
            }
            let queuedBefore = state.table.queued
            let hadDeadline = state.table.nextDeadline != nil
            let reply = state.table.ask(name, now: now(), waiter: waiter())
            var need = Need.nothing
            if state.table.queued > queuedBefore {
                if state.table.queued > state.idle, state.threads < limits.threads {
                    need = .thread(state.threads)
                    state.threads += 1
                } else {
                    need = .signal
                }
            }
            let needsClock = state.table.nextDeadline != nil && !hadDeadline
            let startsClock = needsClock && !state.hasClock
            if startsClock { state.hasClock = true }
            return (reply, need, startsClock, needsClock && !startsClock)
        }
        switch need {
        case .nothing: break
        case .thread(let number): OwnedThread(name: "dns-\(number)") { self.runLookups() }.detach()
        case .signal: work.signal()
        }
        if startsClock { OwnedThread(name: "dns-clock", stackSize: 128 * 1024) { self.runClock() }.detach() }
        if wakesClock { clock.signal() }
        switch reply {
        case .answer(let answer): return answer
        case .waiting: return nil
        }
    }

    /// Ends: who waits gets `stopped`, threads end as soon as their look-up returns.
    public func stop() {
        let (waiters, threads) = state.withLock { state in
            state.isStopped = true
            return (state.table.stop(), state.threads)
        }
        for _ in 0..<threads { work.signal() }
        clock.signal()
        for waiter in waiters { waiter(.failure(ResolveError(.stopped, "the resolver was stopped"))) }
    }

    private func runLookups() {
        while true {
            let (name, isStopped) = state.withLock { state -> (String?, Bool) in
                let name = state.isStopped ? nil : state.table.next(now: now())
                if name == nil { state.idle += 1 }
                return (name, state.isStopped)
            }
            if isStopped { return }
            guard let name else {
                work.take()
                state.withLock { $0.idle -= 1 }
                continue
            }
            let started = ContinuousClock.now
            let result = lookup(name)
            metrics.count(result, took: ContinuousClock.now - started)
            let (waiters, answer) = state.withLock { state in
                state.isStopped ? ([], result) : state.table.finish(name, result, now: now())
            }
            for waiter in waiters { waiter(answer) }
        }
    }

    /// Threads that do look-ups may all be held up, so the time of those who wait passes on a thread of its own.
    private func runClock() {
        while true {
            let (expired, next, isStopped) = state.withLock { state in
                (state.table.expire(now: now()), state.table.nextDeadline.map { $0 - now() }, state.isStopped)
            }
            for (waiter, answer) in expired { waiter(answer) }
            if isStopped { return }
            // Rounded up, so that it does not turn until the moment has really passed.
            clock.wait(milliseconds: next.map { Int32(clamping: max(0, $0.wholeMilliseconds + 1)) } ?? -1)
        }
    }
}

extension Duration {
    /// Rounded down; clamped to what fits.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return Int64(clamping: seconds.multipliedReportingOverflow(by: 1000).partialValue) + attoseconds
            / 1_000_000_000_000_000
    }

    /// Rounded down.
    var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
