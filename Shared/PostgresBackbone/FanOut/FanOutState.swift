internal import Backbone
internal import Store

/// What the threads and callers of a fan-out share. No I/O, no clock, no lock.
struct FanOutState {
    /// What a batch stands for when it is completed.
    struct Mark {
        var owned: [OwnedPart]
        /// Every row of the parts up to here is in this batch or an earlier one.
        var readTo: Int64
    }

    /// A completed batch on its way to the database.
    struct Completion {
        var batch: FanOutBatch
        var mark: Mark
        var deliveries: [LaneDelivery]
        var continuation: UnsafeContinuation<Result<Void, BackboneError>, Never>
    }

    typealias Waiter = UnsafeContinuation<FanOutBatch?, Never>

    /// Read, not handed out yet: one ahead, so that reading overlaps with matching and appending.
    static let readyBound = 1

    private(set) var plan = ReadPlan()
    private(set) var ready: [FanOutBatch] = []
    private(set) var marks: [UInt64: Mark] = [:]
    private var lastToken: UInt64 = 0
    var waiter: Waiter?
    private(set) var completions: [Completion] = []
    /// Something may have come: the reader looks again.
    var isWoken = true
    /// Rows of others were passed by: `fanned` may move without deliveries.
    private(set) var passed: Int64?
    var isStopping = false
    /// Nothing more comes to be completed.
    var isDrained = false
    var isAbandoned = false

    var isEnding: Bool { isStopping || isAbandoned }

    /// Nothing is read that is not completed.
    var isAllCompleted: Bool { marks.isEmpty }

    mutating func stretchToRead() -> ReadPlan.Stretch? {
        ready.count < Self.readyBound ? plan.next() : nil
    }

    /// Takes in what was read for `stretch`. Returns whoever waits, with the batch for them.
    mutating func read(
        _ stretch: ReadPlan.Stretch, _ rows: [FeedRow], configVersion: Int64, readTo: Int64
    ) -> (waiter: Waiter, batch: FanOutBatch)? {
        let needed = rows.filter { plan.needs(part: $0.part, $0.pos) }
        guard plan.didRead(stretch, to: readTo) else { return nil }
        guard !needed.isEmpty else {
            passed = readTo
            return nil
        }
        lastToken += 1
        let owned = plan.owned.filter { stretch.parts.contains($0.part) }
        marks[lastToken] = Mark(owned: owned, readTo: readTo)
        let batch = FanOutBatch(rows: needed, configVersion: configVersion, token: lastToken)
        if let waiter {
            self.waiter = nil
            return (waiter, batch)
        }
        ready.append(batch)
        return nil
    }

    mutating func takeReady() -> FanOutBatch? {
        ready.isEmpty ? nil : ready.removeFirst()
    }

    mutating func complete(
        _ batch: FanOutBatch, _ deliveries: [LaneDelivery],
        _ continuation: UnsafeContinuation<Result<Void, BackboneError>, Never>
    ) -> Bool {
        guard !isDrained, !isAbandoned, let mark = marks[batch.token] else { return false }
        completions.append(
            Completion(batch: batch, mark: mark, deliveries: deliveries, continuation: continuation))
        return true
    }

    mutating func takeCompletion() -> Completion? {
        completions.isEmpty ? nil : completions.removeFirst()
    }

    /// Returns the parts to give back now.
    mutating func completed(_ token: UInt64) -> [Int] {
        marks[token] = nil
        return drained
    }

    /// Takes over what the lease says; returns the parts to give back now, since nothing of them is out.
    mutating func update(_ held: [LeaseStatement.Held]) -> [Int] {
        var gone = Set(plan.parts.keys)
        for held in held {
            let part = held.position.part
            gone.remove(part)
            if plan.parts[part]?.epoch == held.position.epoch {
                if held.giveUp { plan.drain(part) }
            } else if !plan.isDead(part, epoch: held.position.epoch) {
                plan.forget(part)
                plan.join(part, epoch: held.position.epoch, done: held.position.fanned)
            }
        }
        for part in gone { plan.forget(part) }
        return drained
    }

    /// A call found the part to be another's.
    mutating func lose(_ part: OwnedPart) {
        if plan.holds(part) { plan.forget(part.part) }
    }

    /// Parts to give back of which nothing is out.
    private var drained: [Int] {
        let out = Set(marks.values.lazy.flatMap { $0.owned.map(\.part) })
        return plan.parts.filter { $0.value.isDraining && !out.contains($0.key) }.keys.sorted()
    }

    /// Batches that nobody saw are left to the next owner.
    mutating func discardReady() {
        for batch in ready { _ = completed(batch.token) }
        ready = []
    }

    /// How far `fanned` may be moved without deliveries, once nothing is out.
    mutating func takePassed() -> Mark? {
        guard let readTo = passed, marks.isEmpty, !plan.owned.isEmpty else { return nil }
        passed = nil
        // Parts that catch up are behind; they pass with their own batches.
        return Mark(owned: plan.owned.filter { plan.isCurrent($0.part) }, readTo: min(readTo, plan.position ?? 0))
    }
}
