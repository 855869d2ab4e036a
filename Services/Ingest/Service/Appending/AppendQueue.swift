internal import Backbone
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Store
internal import Synchronization

/// Gathers what the doors accept and appends it a batch at a time: while one append is under way everything else waits for
/// the next, so batches grow with the load and an idle service waits for nothing.
///
/// Bounded in events and bytes; a request that finds it full gets 503 with `Retry-After`.
final class AppendQueue: Sendable {
    struct Limits: Sendable {
        /// Events that may wait.
        var events = 20_000
        /// Bytes of envelopes that may wait.
        var bytes = 64 << 20
        /// Events of one append.
        var batchEvents = 1_000
        /// Bytes of one append.
        var batchBytes = 4 << 20
        /// How long events gather between two appends, where the log does not make them wait by itself.
        var pace: Pace?
    }

    private enum Phase {
        /// The next flush begins an append.
        case idle
        case appending
        /// Events gather until `run` goes on.
        case resting
    }

    private struct State {
        var waiting: [Submission] = []
        var events = 0
        var bytes = 0
        var phase = Phase.idle
        var pace: Pace?
        /// A rest that `run` has not begun yet.
        var rest: Duration?
        var runner: CheckedContinuation<Duration?, Never>?
        var isClosed = false
    }

    private let state: Mutex<State>
    private let log: any EventLog
    private let limits: Limits
    private let instruments: AppendInstruments
    private let logger: Logger

    init(log: any EventLog, limits: Limits, metrics: MetricsRegistry, logger: Logger) {
        self.log = log
        self.limits = limits
        self.logger = logger
        instruments = AppendInstruments(metrics)
        var state = State()
        state.pace = limits.pace
        self.state = Mutex(state)
        instruments.observeQueue(metrics, limits: limits) { [weak self] in
            self?.state.withLock { ($0.events, $0.bytes) } ?? (0, 0)
        }
    }

    /// Takes a request in; it is appended after the next `flush`.
    /// - Returns: False when the queue is full: the caller answers 503.
    func add(_ submission: Submission) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.events + submission.events.count <= limits.events,
                state.bytes + submission.bytes <= limits.bytes
            else { return false }
            state.waiting.append(submission)
            state.events += submission.events.count
            state.bytes += submission.bytes
            return true
        }
        if !isTaken { instruments.overflowed() }
        return isTaken
    }

    /// Ends a turn of the loop: where no append is under way, one begins with all there is.
    func flush() {
        let batch = state.withLock { state -> [Submission]? in
            guard state.phase == .idle, !state.waiting.isEmpty else { return nil }
            state.phase = .appending
            return takeBatch(&state)
        }
        if let batch { append(batch) }
    }

    /// Sees to the rests between appends until closed and drained. The appends themselves follow one another on the threads
    /// that answer them: a task in between would wait for a thread twice an append.
    func run() async {
        while let rest = await nextRest() {
            if rest > .zero { await WakeSignal().wait(atMost: rest) }
            goOn()
        }
    }

    /// Takes nothing more; `run` returns when what waits is answered.
    func close() {
        state.withLock { $0.isClosed = true }
        flush()
        let runner = state.withLock { takeEndedRunner(&$0) }
        runner?.resume(returning: nil)
    }

    /// Nil at the end.
    private func nextRest() async -> Duration? {
        await withCheckedContinuation { continuation in
            let ready: Duration?? = state.withLock { state in
                if let rest = state.rest {
                    state.rest = nil
                    return rest
                }
                if state.isClosed, state.phase == .idle { return .some(nil) }
                state.runner = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// Begins the next append, or ends what was under way.
    private func goOn() {
        let (batch, runner) = state.withLock { state in
            state.phase = state.waiting.isEmpty ? .idle : .appending
            return (state.waiting.isEmpty ? nil : takeBatch(&state), takeEndedRunner(&state))
        }
        if let batch { append(batch) }
        runner?.resume(returning: nil)
    }

    private func rest(_ duration: Duration) {
        let runner = state.withLock { state in
            state.phase = .resting
            defer { state.runner = nil }
            if state.runner == nil { state.rest = duration }
            return state.runner
        }
        runner?.resume(returning: duration)
    }

    /// `run`'s continuation where everything is over.
    private func takeEndedRunner(_ state: inout State) -> CheckedContinuation<Duration?, Never>? {
        guard state.isClosed, state.phase == .idle else { return nil }
        defer { state.runner = nil }
        return state.runner
    }

    private func takeBatch(_ state: inout State) -> [Submission] {
        var count = 0
        var events = 0
        var bytes = 0
        for submission in state.waiting {
            if count > 0,
                events + submission.events.count > limits.batchEvents || bytes + submission.bytes > limits.batchBytes
            {
                break
            }
            count += 1
            events += submission.events.count
            bytes += submission.bytes
        }
        let batch = Array(state.waiting[..<count])
        state.waiting.removeFirst(count)
        state.events -= events
        state.bytes -= bytes
        return batch
    }

    private func append(_ batch: [Submission]) {
        let events = batch.count == 1 ? batch[0].events : batch.flatMap(\.events)
        let started = ContinuousClock.now
        log.append(events) { [self] answer in
            respond(to: batch, answer, from: started, to: .now)
            switch answer {
            case .success: followUp(after: events.count, took: .now - started)
            // It may have been refused before `append` came back: the next comes from `run`, not from within this one.
            case .failure: rest(.zero)
            }
        }
    }

    private func followUp(after events: Int, took: Duration) {
        let pause = state.withLock { state -> Duration? in
            guard !state.isClosed, let rest = state.pace?.rest(after: events, at: .now) else { return nil }
            return rest - took
        }
        if let pause, pause > .zero { rest(pause) } else { goOn() }
    }

    private func respond(
        to batch: [Submission], _ answer: AppendAnswer, from started: ContinuousClock.Instant,
        to ended: ContinuousClock.Instant
    ) {
        var answers: [(Responder, Response)] = []
        answers.reserveCapacity(batch.count)
        switch answer {
        case .success(let receipts):
            instruments.appended(receipts, took: ended - started)
            var start = 0
            for submission in batch {
                instruments.accepted(submission, at: ended)
                let end = start + submission.events.count
                answers.append((submission.responder, Self.response(submission, receipts[start..<end])))
                start = end
            }
        case .failure(let error):
            let events = batch.reduce(0) { $0 + $1.events.count }
            instruments.failed(events)
            logger.warning("append-failed", ["error": .string(error.description), "events": .int(events)])
            let failure = Unavailable.error(for: error)
            answers = batch.map { submission in
                let response = submission.form.render(failure)
                submission.failed?(response)
                return (submission.responder, response)
            }
        }
        Responder.respond(answers)
    }

    private static func response(_ submission: Submission, _ receipts: ArraySlice<AppendReceipt>) -> Response {
        for receipt in receipts {
            let failure: HTTPError
            switch receipt {
            case .stored: continue
            case .refused(let reason): failure = Unavailable.refused(reason)
            case .unknown: failure = Unavailable.unknownOutcome
            }
            let response = submission.form.render(failure)
            submission.failed?(response)
            return response
        }
        return submission.answer(receipts)
    }
}
