import Backbone
import EventModel
import Synchronization
import TestSupport

/// A log in memory that does what a test says: stores, deduplicates, fails, holds back.
final class FakeLog: TaskEventLog {
    struct State {
        var batches: [[NewEvent]] = []
        var failure: BackboneError?
        var refusedTypes: Set<String> = []
        var ids: [[UInt8]: EventID] = [:]
        var isHolding = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    let state = Mutex(State())
    /// The rows of the audit that came with events, as a store would write them.
    let records: RecordLog

    init(records: RecordLog = RecordLog()) {
        self.records = records
    }

    var isReady: Bool { true }

    func run() async throws {}
    func shutdown() async {}

    func store(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt] {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.isHolding { state.held.append(continuation) }
                return !state.isHolding
            }
            if goesOn { continuation.resume() }
        }
        let result = state.withLock { state -> Result<[AppendReceipt], BackboneError> in
            if let failure = state.failure { return .failure(failure) }
            state.batches.append(events)
            return .success(events.map { Self.receipt($0, &state) })
        }
        let receipts = try result.get()
        records.add(zip(events, receipts).compactMap(Self.record))
        return receipts
    }

    private static func record(_ event: NewEvent, _ receipt: AppendReceipt) -> InboundRecord? {
        guard let audit = event.audit, case .stored(let id, let isDuplicate) = receipt else { return nil }
        return (isDuplicate ? audit.duplicate(of: id) : audit).record
    }

    private static func receipt(_ event: NewEvent, _ state: inout State) -> AppendReceipt {
        if state.refusedTypes.contains(event.type) { return .refused(reason: "test") }
        guard let key = event.dedupeKey else { return .stored(id: event.id, isDuplicate: false) }
        if let known = state.ids[key] { return .stored(id: known, isDuplicate: true) }
        state.ids[key] = event.id
        return .stored(id: event.id, isDuplicate: false)
    }

    func release() {
        let held = state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    var events: [NewEvent] { state.withLock { $0.batches.flatMap(\.self) } }
    var heldCount: Int { state.withLock { $0.held.count } }
}
