internal import Backbone
internal import EventModel
internal import Store

/// One call's worth of outcomes, kept so that it can be made again, without lanes that turned out to be lost, or in halves.
struct SettleWork {
    enum Entry {
        /// An outcome; `hasRow`: the due table holds the delivery.
        case outcome(LaneOutcome, hasRow: Bool)
        /// A record that is moved to the due table while its attempt goes on.
        case move(LaneSlots.Slot, lane: OwnedPart, due: Timestamp)
        /// A waiting attempt that is out while its lane is given back.
        case postpone(DeliveryID, DueHold.Entry, due: Timestamp)
        /// A waiting attempt whose event is gone.
        case drop(DeliveryID, lane: OwnedPart)

        var lane: OwnedPart {
            switch self {
            case .outcome(let outcome, _):
                OwnedPart(part: outcome.record.handle.lane, epoch: outcome.record.handle.epoch)
            case .move(_, let lane, _), .drop(_, let lane): lane
            case .postpone(_, let entry, _): entry.lane
            }
        }
    }

    var entries: [Entry] = []
    /// Every lane that the call speaks of, with the point up to which its rows are done then.
    var settled: [(lane: OwnedPart, seq: Int64)] = []
    /// Lanes that can be given back after it.
    var drained: [OwnedPart] = []

    var isEmpty: Bool { entries.isEmpty && settled.isEmpty }

    mutating func remove(_ parts: some Collection<Int>) {
        entries.removeAll { parts.contains($0.lane.part) }
        settled.removeAll { parts.contains($0.lane.part) }
        drained.removeAll { parts.contains($0.part) }
    }

    /// Two calls that do the same; the first moves no position.
    func halves() -> (SettleWork, SettleWork) {
        var first = SettleWork()
        var second = self
        let middle = entries.count / 2
        first.entries = Array(entries[..<middle])
        second.entries = Array(entries[middle...])
        let parts = Set(first.entries.map(\.lane))
        first.settled = settled.filter { parts.contains($0.lane) }.map { ($0.lane, 0) }
        return (first, second)
    }

    /// What the call writes. A delivery is in it once: the due table takes one row of each.
    func batch() -> SettleStatement.Batch {
        var batch = SettleStatement.Batch()
        for position in settled { batch.append(part: position.lane, settled: position.seq) }
        for entry in entries {
            switch entry {
            case .outcome(let outcome, let hasRow): add(outcome, hasRow: hasRow, to: &batch)
            case .move(let slot, let lane, let due):
                batch.due.append(
                    part: lane.part, delivery: slot.delivery, due: due, first: slot.firstDueAt, pos: slot.pos,
                    configVersion: slot.configVersion, attempt: 1, endpoint: slot.endpoint, cause: slot.cause)
            case .postpone(let delivery, let entry, let due):
                batch.due.append(
                    part: entry.lane.part, delivery: delivery, due: due, first: entry.firstDueAt, pos: entry.pos,
                    configVersion: entry.configVersion, attempt: entry.attempt, endpoint: entry.endpoint,
                    cause: entry.cause)
            case .drop(let delivery, let lane): batch.finish(part: lane.part, delivery: delivery)
            }
        }
        return batch
    }

    private func add(_ outcome: LaneOutcome, hasRow: Bool, to batch: inout SettleStatement.Batch) {
        let record = outcome.record
        if let audit = outcome.audit { batch.audit.append(audit) }
        switch outcome.next {
        case .finished:
            if hasRow { batch.finish(part: record.handle.lane, delivery: record.delivery) }
        case .dead(let letter):
            if hasRow { batch.finish(part: record.handle.lane, delivery: record.delivery) }
            batch.letters.append(
                letter, tenant: record.tenant, endpoint: record.endpoint, event: record.event,
                delivery: record.delivery, type: record.type, pos: record.pos)
        case .retry(let attempt, let due):
            batch.due.append(
                part: record.handle.lane, delivery: record.delivery, due: due, first: record.firstDueAt,
                pos: record.pos, configVersion: record.configVersion, attempt: attempt, endpoint: record.endpoint,
                cause: record.cause)
        case .postponed(let due):
            batch.due.append(
                part: record.handle.lane, delivery: record.delivery, due: due, first: record.firstDueAt,
                pos: record.pos, configVersion: record.configVersion, attempt: record.attempt,
                endpoint: record.endpoint, cause: record.cause)
        }
    }

    /// Without the texts that an endpoint chose: they are what Postgres may be unable to hold.
    func stripped() -> SettleWork {
        var work = self
        work.entries = entries.map { entry in
            guard case .outcome(var outcome, let hasRow) = entry else { return entry }
            outcome.audit?.responseHeaders = nil
            outcome.audit?.responseHead = nil
            outcome.audit?.reason = nil
            outcome.audit?.sourceIP = nil
            return .outcome(outcome, hasRow: hasRow)
        }
        return work
    }

    /// Only what keeps the lane going.
    func bare() -> SettleWork {
        var work = self
        work.entries = entries.map { entry in
            guard case .outcome(var outcome, let hasRow) = entry else { return entry }
            outcome.audit = nil
            if case .dead = outcome.next { outcome.next = .finished }
            return .outcome(outcome, hasRow: hasRow)
        }
        return work
    }
}
