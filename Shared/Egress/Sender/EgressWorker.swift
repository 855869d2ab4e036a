internal import CLinux
internal import Glibc
internal import Observability

/// An exchange on its way through the worker: one reference, where a value would count those of its parts at each step.
final class PendingExchange {
    let exchange: Exchange
    /// When it was taken over, by `MonotonicTime`.
    let started: Int64
    var lookupMicroseconds: Int64 = 0

    init(exchange: Exchange, started: Int64) {
        self.exchange = exchange
        self.started = started
    }

    var deadline: Int64 {
        exchange.timeoutMilliseconds > 0 ? started + Int64(exchange.timeoutMilliseconds) * 1_000 : .max
    }

    /// At least 1; 0 is no limit.
    func millisecondsLeft(now: Int64) -> Int {
        exchange.timeoutMilliseconds > 0 ? max(1, Int(deadline - now + 999) / 1_000) : 0
    }
}

/// The loop of one `egress` thread: made on it, never leaves it.
final class EgressWorker {
    let settings: HTTPSender.Settings
    // Those of the settings that each exchange asks for, without the settings' strings.
    let connectTimeout: Int
    let connectTimeoutWithAlternatives: Int
    let idleConnectionsPerLane: Int
    let sockets: SocketTable
    /// Where each request's head is put together.
    var head: RequestHead
    /// The time of this turn, in microseconds: exact enough for deadlines, and cheaper than asking each time.
    private(set) var now = MonotonicTime.now()

    private let shared: SenderShared
    private let inbox: SenderInbox
    private let epoll: Int32
    private var lanes: [Lane] = []
    private var dueLanes: [Lane] = []
    private var waiting = NameWaiters()
    /// Names with several addresses: the one that worked, so that its connections are used again.
    private var preferred: [String: IPAddress] = [:]
    private var results: [ExchangeResult] = []
    private var sweptAt: Int64 = 0
    private var inFlight = 0
    private var reported = (connections: 0, opened: 0, inFlight: 0)

    /// Names whose preferred address is remembered.
    private static let preferredLimit = 10_000
    /// How often idle pools are looked at, in microseconds.
    private static let sweepInterval: Int64 = 5_000_000
    /// How long a lane keeps its pool when nothing is sent, in microseconds. A new pool reads the CA bundle again (20 ms).
    private static let poolIdle: Int64 = 300_000_000
    private static let eventsPerTurn = 256
    // CURL_CSELECT_IN, _OUT, _ERR: macros with casts, which are not imported.
    private static let readable: Int32 = 1
    private static let writable: Int32 = 2
    private static let failed: Int32 = 4

    init(shared: SenderShared, inbox: SenderInbox) {
        self.shared = shared
        self.inbox = inbox
        self.settings = shared.settings
        connectTimeout = settings.connectTimeoutMilliseconds
        connectTimeoutWithAlternatives = settings.connectTimeoutWithAlternativesMilliseconds
        idleConnectionsPerLane = settings.idleConnectionsPerLane
        head = RequestHead(userAgent: shared.settings.userAgent)
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "the system refuses an epoll")
        sockets = SocketTable(epoll: epoll)
        lanes = (0..<settings.lanesPerThread).map { Lane(number: $0, worker: self) }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = inbox.event.descriptor
        epoll_ctl(epoll, EPOLL_CTL_ADD, inbox.event.descriptor, &event)
    }

    deinit {
        close(epoll)
        head.deallocate()
    }

    /// Turns until the inbox says stop; then every exchange ends as cancelled.
    func run() {
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsPerTurn)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), waitMilliseconds())
            now = MonotonicTime.now()
            var hasMail = false
            for index in 0..<Int(max(0, count)) {
                let descriptor = events[index].data.fd
                if descriptor == inbox.event.descriptor {
                    hasMail = true
                } else if let lane = sockets.waitingLane(of: descriptor) {
                    lanes[lane].act(descriptor, events: curlEvents(events[index].events))
                }
            }
            if hasMail {
                inbox.event.take()
                guard takeMail() else { break }
            }
            passTime()
            deliverResults()
        }
        end()
    }

    private func curlEvents(_ events: UInt32) -> Int32 {
        var bits: Int32 = 0
        if events & (EPOLLIN.rawValue | EPOLLHUP.rawValue) != 0 { bits |= Self.readable }
        if events & EPOLLOUT.rawValue != 0 { bits |= Self.writable }
        if events & EPOLLERR.rawValue != 0 { bits |= Self.failed }
        return bits
    }

    private func waitMilliseconds() -> Int32 {
        guard dueLanes.isEmpty else { return 0 }
        var next = waiting.nextDeadline
        var hasPool = false
        for lane in lanes {
            if lane.deadline < next { next = lane.deadline }
            if lane.hasPool { hasPool = true }
        }
        if hasPool { next = min(next, sweptAt + Self.sweepInterval) }
        guard next < .max else { return -1 }
        return Int32(clamping: max(0, (next - MonotonicTime.now() + 999) / 1_000))
    }

    // MARK: What comes in

    /// False when it is time to stop.
    private func takeMail() -> Bool {
        let mail = inbox.take()
        for batch in mail.submitted {
            for exchange in batch { begin(PendingExchange(exchange: exchange, started: now)) }
        }
        for (name, answer) in mail.resolved { resume(name, answer) }
        if !mail.cancelled.isEmpty { cancel(Set(mail.cancelled)) }
        return !mail.isStopping
    }

    private func begin(_ pending: PendingExchange) {
        inFlight += 1
        switch pending.exchange.target.host {
        case .address(let address): start(pending, [address])
        case .name(let name):
            let inbox = inbox
            let isFirst = waiting.add(pending, name: name)
            guard isFirst else { return }
            let answer = shared.resolver.ask(name) { answer in inbox.put(resolved: name, answer) }
            if let answer { resume(name, answer) }
        }
    }

    private func resume(_ name: String, _ answer: NameTable.Answer) {
        for pending in waiting.remove(name: name) {
            pending.lookupMicroseconds = now - pending.started
            switch answer {
            case .success(let addresses): start(pending, addresses, name: name)
            case .failure(let error): fail(pending, .dns, error.message)
            }
        }
    }

    /// Judges every address, now and for this attempt, however old the answer of the resolver is.
    private func start(_ pending: PendingExchange, _ addresses: [IPAddress], name: String? = nil) {
        if let refusal = shared.policy.refusal(ofAny: addresses) {
            fail(pending, .refusedByPolicy, refusal.description)
            return
        }
        var ordered = addresses[...]
        if addresses.count > 1, let name, let best = preferred[name], let index = addresses.firstIndex(of: best) {
            var moved = addresses
            moved.remove(at: index)
            moved.insert(best, at: 0)
            ordered = moved[...]
        }
        let lane = lanes[pending.exchange.target.parts.laneHash % lanes.count]
        if !lane.start(pending, addresses: ordered) { fail(pending, .connect, "out of memory") }
    }

    private func fail(_ pending: PendingExchange, _ failure: ExchangeResult.FailureClass, _ detail: String) {
        var result = ExchangeResult(token: pending.exchange.token, outcome: .failure(failure))
        result.detail = detail
        result.timings.dns = failure == .dns ? now - pending.started : pending.lookupMicroseconds
        result.timings.total = now - pending.started
        ended(result)
    }

    private func cancel(_ tokens: Set<UInt64>) {
        for lane in lanes { lane.cancel(tokens.contains) }
        for pending in waiting.remove(where: { tokens.contains($0.exchange.token) }) {
            fail(pending, .cancelled, "cancelled")
        }
    }

    // MARK: What passes

    /// libcurl wants to be called before the loop waits again.
    func isDue(_ lane: Lane) {
        guard !lane.isDue else { return }
        lane.isDue = true
        dueLanes.append(lane)
    }

    private func passTime() {
        for lane in lanes where lane.deadline <= now { isDue(lane) }
        // What is called may ask to be called again at once: that is for the next turn.
        let due = dueLanes
        dueLanes.removeAll(keepingCapacity: true)
        for lane in due {
            lane.isDue = false
            lane.act(nil, events: 0)
        }
        if waiting.nextDeadline <= now {
            for pending in waiting.expire(now: now) { fail(pending, .dns, "no answer for the name within the time") }
        }
        if now - sweptAt >= Self.sweepInterval { sweep() }
    }

    private func sweep() {
        sweptAt = now
        let idle = max(Int64(settings.idleSeconds) * 1_000_000, Self.poolIdle)
        for lane in lanes where lane.flights.isEmpty && now - lane.usedAt > idle { lane.closePool() }
    }

    // MARK: What goes out

    func maySend(_ exchange: Exchange) -> Bool { settings.maySend?(exchange.claim) ?? true }

    /// Whether another address may be tried: nothing was sent, and time is left.
    func mayGoOn(_ flight: Flight) -> Bool {
        guard let pending = flight.pending, flight.requestsSent == 0 else { return false }
        if case .name(let name) = pending.exchange.target.host { preferred[name] = nil }
        return now < pending.deadline
    }

    func ended(_ result: ExchangeResult) {
        inFlight -= 1
        shared.metrics.count(result.outcome)
        results.append(result)
    }

    /// Remembers which of several addresses of a name worked.
    func connected(_ flight: Flight) {
        guard case .name(let name) = flight.pending?.exchange.target.host else { return }
        if preferred.count >= Self.preferredLimit { preferred.removeAll(keepingCapacity: true) }
        preferred[name] = flight.pinned
    }

    private func deliverResults() {
        guard !results.isEmpty else { return }
        let batch = results
        results = []
        results.reserveCapacity(batch.count)
        report()
        shared.ended(batch)
    }

    private func report() {
        let metrics = shared.metrics
        if sockets.open != reported.connections {
            metrics.connectionsOpen.add(Double(sockets.open - reported.connections))
        }
        if sockets.openedInTotal != reported.opened {
            metrics.connectionsOpened.increment(by: sockets.openedInTotal - reported.opened)
        }
        if inFlight != reported.inFlight { metrics.inFlight.add(Double(inFlight - reported.inFlight)) }
        reported = (sockets.open, sockets.openedInTotal, inFlight)
    }

    private func end() {
        for pending in waiting.remove(where: { _ in true }) { fail(pending, .cancelled, "the sender was stopped") }
        for lane in lanes { lane.cancel { _ in true } }
        for lane in lanes { lane.closePool() }
        report()
        deliverResults()
    }
}
