import Backbone
import EventModel
import Synchronization

/// Takes records as a delivery worker does and answers each as the test says.
final class TestWorker: Sendable {
    /// One "POST": what was sent, under which lease, when.
    struct Sent: Sendable {
        var record: LaneRecord
        var at: Timestamp
    }

    private struct State {
        var sent: [Sent] = []
        var refused: [LaneRecord] = []
        var kept: [LaneRecord] = []
        var lost: Set<Int> = []
        var isStopped = false
    }

    private let lanes: any DeliveryLanes
    private let outcome: @Sendable (LaneRecord) -> LaneOutcome.Next?
    private let state = Mutex(State())

    /// - Parameter outcome: what becomes of a record; nil: it hangs until `finish`.
    init(
        _ lanes: any DeliveryLanes, outcome: @escaping @Sendable (LaneRecord) -> LaneOutcome.Next? = { _ in .finished }
    ) {
        self.lanes = lanes
        self.outcome = outcome
    }

    var sent: [Sent] { state.withLock(\.sent) }
    /// Records that were not sent since the lease had run out.
    var refused: [LaneRecord] { state.withLock(\.refused) }
    /// Records that hang.
    var kept: [LaneRecord] { state.withLock(\.kept) }
    var lost: Set<Int> { state.withLock(\.lost) }
    var isStopped: Bool { state.withLock(\.isStopped) }

    func run() async throws {
        while let signals = try await lanes.receive() {
            var outcomes: [LaneOutcome] = []
            for record in signals.records {
                guard lanes.mayDeliver(lane: record.handle.lane, epoch: record.handle.epoch) else {
                    state.withLock { $0.refused.append(record) }
                    continue
                }
                let next = outcome(record)
                state.withLock { state in
                    state.sent.append(Sent(record: record, at: SystemClock().now()))
                    if next == nil { state.kept.append(record) }
                }
                if let next { outcomes.append(Self.outcome(record, next)) }
            }
            state.withLock { state in
                state.lost.formUnion(signals.lost)
                state.kept.removeAll { signals.lost.contains($0.handle.lane) }
            }
            try await lanes.settle(outcomes)
        }
        state.withLock { $0.isStopped = true }
    }

    /// Gives outcomes of records that hang.
    func finish(_ records: [LaneRecord], _ next: LaneOutcome.Next = .finished) async throws {
        let deliveries = Set(records.map(\.delivery))
        state.withLock { $0.kept.removeAll { deliveries.contains($0.delivery) } }
        try await lanes.settle(records.map { Self.outcome($0, next) })
    }

    static func outcome(_ record: LaneRecord, _ next: LaneOutcome.Next) -> LaneOutcome {
        let verdict: AttemptRecord.Verdict
        switch next {
        case .finished: verdict = .delivered
        case .dead: verdict = .dead
        case .retry: verdict = .retrying
        case .postponed: return LaneOutcome(record: record, audit: nil, next: next)
        }
        var audit = AttemptRecord(
            tenant: record.tenant, endpoint: record.endpoint, event: record.event, delivery: record.delivery,
            type: record.type, cause: record.cause, attempt: record.attempt, startedAt: SystemClock().now(),
            verdict: verdict)
        audit.status = verdict == .delivered ? 200 : 503
        return LaneOutcome(record: record, audit: audit, next: next)
    }
}
