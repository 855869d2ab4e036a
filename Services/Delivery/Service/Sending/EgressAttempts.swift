internal import Backbone
internal import Egress
internal import Endpoints
internal import EventModel
internal import Observability
internal import Synchronization
internal import Tracing

/// Sends attempts through `HTTPSender` and hands their ends to the dispatcher, a turn of the sender's loop at a time.
final class EgressAttempts: AttemptSender {
    private let maker: PostMaker
    private let clock: any WallClock
    private let logger: LimitedLogger
    /// Audit records of what is under way, by token. Bounded by the dispatcher's limit on POSTs in flight.
    private let audits = Mutex<[UInt64: AttemptRecord]>([:])
    private let wiring = Mutex<Wiring?>(nil)
    private let tracer: Tracer?
    /// Spans of what is under way, where they are recorded.
    private let spans = Mutex<[UInt64: (trace: EventTrace, parent: UInt64)]>([:])

    /// The two ends that this stands between; made after it, because each needs the other.
    private struct Wiring: Sendable {
        let sender: HTTPSender
        let dispatcher: Dispatcher
    }

    init(maker: PostMaker, clock: any WallClock, logger: Logger, tracer: Tracer? = nil) {
        self.tracer = tracer
        self.maker = maker
        self.clock = clock
        self.logger = logger.limited()
    }

    func connect(sender: HTTPSender, dispatcher: Dispatcher) {
        wiring.withLock { $0 = Wiring(sender: sender, dispatcher: dispatcher) }
    }

    private var wired: Wiring {
        guard let wiring = wiring.withLock({ $0 }) else { preconditionFailure("connected before anything is sent") }
        return wiring
    }

    func start(_ attempts: [PendingAttempt]) {
        let now = clock.now()
        var exchanges: [Exchange] = []
        exchanges.reserveCapacity(attempts.count)
        var started: [(UInt64, AttemptRecord)] = []
        started.reserveCapacity(attempts.count)
        var ended: [EndedAttempt] = []
        for attempt in attempts {
            do throws(EndpointKeys.Failure) {
                let post = try maker.post(attempt, at: now)
                exchanges.append(post.exchange)
                started.append((attempt.token, post.audit))
                if post.trace.isSampled, tracer?.isOn == true {
                    spans.withLock { $0[attempt.token] = (post.trace, post.parent) }
                }
            } catch {
                ended.append(Self.failed(attempt, error.rawValue, at: now))
                logger.warning(
                    "not-sendable", ["webhook": .describing(attempt.record.endpoint), "class": .string(error.rawValue)])
            }
        }
        audits.withLock { audits in for (token, audit) in started { audits[token] = audit } }
        let wired = wired
        if !wired.sender.submit(exchanges) {
            // Stopped, or fuller than its own bound: the attempts end as cancelled and are retried by the schedule.
            for (index, exchange) in exchanges.enumerated() {
                _ = audits.withLock { $0.removeValue(forKey: exchange.token) }
                var result = AttemptResult()
                result.failure = ExchangeResult.FailureClass.cancelled.rawValue
                ended.append(EndedAttempt(token: exchange.token, result: result, audit: started[index].1))
            }
        }
        if !ended.isEmpty { wired.dispatcher.finish(ended, sender: self) }
    }

    /// Called on an egress thread.
    func completed(_ results: [ExchangeResult]) {
        var ended: [EndedAttempt] = []
        ended.reserveCapacity(results.count)
        var withheld: [UInt64] = []
        audits.withLock { audits in
            for result in results {
                guard var audit = audits.removeValue(forKey: result.token) else { continue }
                if result.wasWithheld {
                    withheld.append(result.token)
                    continue
                }
                let attempt = AttemptResult(result)
                audit.take(attempt)
                ended.append(EndedAttempt(token: result.token, result: attempt, audit: audit))
            }
        }
        traceEnds(ended, withheld)
        let wired = wired
        if !withheld.isEmpty { wired.dispatcher.abandon(withheld) }
        wired.dispatcher.finish(ended, sender: self)
    }

    private func traceEnds(_ ended: [EndedAttempt], _ withheld: [UInt64]) {
        guard let tracer, tracer.isOn else { return }
        let now = clock.now()
        for one in ended {
            guard let (trace, parent) = spans.withLock({ $0.removeValue(forKey: one.token) }) else { continue }
            tracer.record(
                TraceSpan(
                    "deliver", kind: .client, trace: trace, parent: parent, start: one.audit.startedAt, end: now,
                    attributes: [
                        ("fanfare.event_id", .string(one.audit.event.description)),
                        ("fanfare.webhook_id", .string(one.audit.endpoint.description)),
                        ("fanfare.attempt", .int(one.audit.attempt)),
                        ("http.response.status_code", .int(one.result.status ?? 0)),
                    ], error: one.result.errorClass), of: trace)
        }
        if !withheld.isEmpty { spans.withLock { spans in for token in withheld { spans[token] = nil } } }
    }

    private static func failed(_ attempt: PendingAttempt, _ errorClass: String, at now: Timestamp) -> EndedAttempt {
        var result = AttemptResult()
        result.failure = errorClass
        return EndedAttempt(
            token: attempt.token, result: result,
            audit: AttemptRecord(attempt.record, startedAt: now, verdict: .retrying))
    }
}

extension AttemptResult {
    init(_ result: ExchangeResult) {
        self.init()
        switch result.outcome {
        case .status(let status): self.status = status
        case .failure(let failure):
            self.status = result.status
            self.failure = failure.rawValue
        }
        let timings = result.timings
        dns = timings.dns > 0 ? timings.dns : nil
        connect = timings.connect > 0 ? timings.connect : nil
        tls = timings.tls > 0 ? timings.tls : nil
        firstByte = timings.firstByte > 0 ? timings.firstByte : nil
        total = timings.total
        if status == 429 || status == 503 { retryAfter = result.retryAfter.flatMap { Int($0) }.map { max(0, $0) } }
        // A refused target's answer, if there were one, would tell what stands at a forbidden address.
        if failure != ExchangeResult.FailureClass.refusedByPolicy.rawValue {
            responseHeaders = result.responseHeaders.isEmpty ? nil : Self.text(result.responseHeaders)
            responseHead = result.responseHead.isEmpty ? nil : result.responseHead
        }
    }

    /// Postgres' text holds no zero byte.
    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.contains(0) ? bytes.filter { $0 != 0 } : bytes, as: UTF8.self)
    }
}

extension AttemptRecord {
    /// Takes over what the exchange measured and brought back.
    mutating func take(_ result: AttemptResult) {
        dns = result.dns
        connect = result.connect
        tls = result.tls
        firstByte = result.firstByte
        total = result.total
        responseHeaders = result.responseHeaders
        responseHead = result.responseHead
    }
}
