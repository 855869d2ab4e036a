internal import CRdKafka
internal import Synchronization

/// Gathers the outcomes of one batch and answers once, when the last is in.
///
/// Each record's opaque pointer is the address of its slot, which knows its tracker: no look-up and no reference count
/// a record. The tracker keeps itself alive from its making to its answer.
///
/// Unchecked because slots are plain memory: each is written by one thread once (the polling thread, or the producing
/// one when librdkafka took the record not at all), and read only by whoever takes `remaining` to zero, after an
/// acquiring operation on it.
final class ProduceTracker: @unchecked Sendable {
    struct Slot {
        let tracker: Unmanaged<ProduceTracker>
        var offset: Int64 = -1
        var partition: Int32 = -1
        var error: Int32 = 0
        var isPossiblyPersisted = false
    }

    typealias Completion = @Sendable (ProduceReceipts) -> Void

    let slots: UnsafeMutableBufferPointer<Slot>
    /// Slots without an outcome, and one more while the batch is being handed over.
    private let remaining: Atomic<Int>
    private let completion: Completion

    /// - Parameter completion: called exactly once, on the thread that learns of the last outcome.
    static func make(count: Int, completion: @escaping Completion) -> Unmanaged<ProduceTracker> {
        let tracker = Unmanaged.passRetained(ProduceTracker(count: count, completion: completion))
        tracker._withUnsafeGuaranteedRef { $0.slots.initialize(repeating: Slot(tracker: tracker)) }
        return tracker
    }

    private init(count: Int, completion: @escaping Completion) {
        slots = .allocate(capacity: count)
        remaining = Atomic(count + 1)
        self.completion = completion
    }

    deinit { slots.deallocate() }

    /// Records that librdkafka refused a record.
    func refuse(_ index: Int, error: rd_kafka_resp_err_t) {
        slots[index].error = error.rawValue
    }

    /// Counts `count` outcomes; the last one answers and lets the tracker go.
    static func settle(_ tracker: Unmanaged<ProduceTracker>, _ count: Int) {
        let isLast = tracker._withUnsafeGuaranteedRef {
            $0.remaining.subtract(count, ordering: .acquiringAndReleasing).newValue == 0
        }
        guard isLast else { return }
        let owned = tracker.takeRetainedValue()
        owned.completion(owned.receipts())
    }

    private func receipts() -> ProduceReceipts {
        var acknowledged = 0
        var firstFailure = ""
        let outcomes = slots.map { slot -> ProduceOutcome in
            if slot.error == 0 {
                acknowledged += 1
                return .acknowledged(partition: slot.partition, offset: slot.offset)
            }
            if firstFailure.isEmpty { firstFailure = name(of: rd_kafka_resp_err_t(slot.error)) }
            return slot.isPossiblyPersisted ? .possiblyPersisted : .notPersisted
        }
        return ProduceReceipts(outcomes: outcomes, acknowledged: acknowledged, firstFailure: firstFailure)
    }
}
