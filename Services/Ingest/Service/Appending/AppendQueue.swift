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

    private struct State {
        var waiting: [Submission] = []
        var events = 0
        var bytes = 0
        var idle: [CheckedContinuation<[Submission]?, Never>] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let log: any EventLog
    private let limits: Limits
    private let instruments: AppendInstruments
    private let logger: Logger

    init(log: any EventLog, limits: Limits, metrics: MetricsRegistry, logger: Logger) {
        self.log = log
        self.limits = limits
        self.logger = logger
        instruments = AppendInstruments(metrics)
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

    /// Ends a turn of the loop: an append that waits for work gets all there is, in one wake-up.
    func flush() {
        let woken = state.withLock { state -> (CheckedContinuation<[Submission]?, Never>, [Submission])? in
            guard !state.waiting.isEmpty, let idle = state.idle.popLast() else { return nil }
            return (idle, takeBatch(&state))
        }
        woken?.0.resume(returning: woken?.1)
    }

    /// Appends until closed and drained.
    func run() async {
        var pace = limits.pace
        while let batch = await next() {
            let started = ContinuousClock.now
            await append(batch)
            let events = batch.reduce(0) { $0 + $1.events.count }
            guard let rest = pace?.rest(after: events, at: .now) else { continue }
            let left = rest - started.duration(to: .now)
            if left > .zero { await WakeSignal().wait(atMost: left) }
        }
    }

    /// Takes nothing more; `run` returns when what waits is answered.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return state.idle
        }
        for continuation in idle { continuation.resume(returning: nil) }
    }

    private func next() async -> [Submission]? {
        await withCheckedContinuation { continuation in
            let ready: [Submission]?? = state.withLock { state in
                if !state.waiting.isEmpty { return takeBatch(&state) }
                if state.isClosed { return .some(nil) }
                state.idle.append(continuation)
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
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

    private func append(_ batch: [Submission]) async {
        let events = batch.count == 1 ? batch[0].events : batch.flatMap(\.events)
        let started = ContinuousClock.now
        var answers: [(Responder, Response)] = []
        answers.reserveCapacity(batch.count)
        do {
            let receipts = try await log.append(events)
            let ended = ContinuousClock.now
            instruments.appended(receipts, took: ended - started)
            var start = 0
            for submission in batch {
                instruments.accepted(submission, at: ended)
                let end = start + submission.events.count
                answers.append((submission.responder, Self.response(submission, receipts[start..<end])))
                start = end
            }
        } catch {
            instruments.failed(events.count)
            logger.warning("append-failed", ["error": .string(error.description), "events": .int(events.count)])
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
