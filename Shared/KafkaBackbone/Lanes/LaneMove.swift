internal import Backbone
internal import EventModel

/// What has to be in the log before something counts as done: an audit record, a record of the next attempt or a copy,
/// or a record that nobody could read.
struct LaneMove: Sendable {
    enum Subject: Sendable, Equatable {
        /// The record at this place.
        case slot(source: Int, offset: Int64)
        /// The attempt whose record was moved out of the way as this copy.
        case copy(Int64)
        /// A finished copy, of which the lane's next owner is told.
        case note(Int64)
        /// A delivery of a feed cursor, which has no record here.
        case cursor(LaneHandle)
    }

    var lane: Int
    var epoch: Int64
    var subject: Subject
    /// An attempt that was made.
    struct End: Sendable {
        var delivery: DeliveryID
        var attempt: Int
        /// None follows.
        var isOver: Bool
    }

    /// What is done with it; nil where the same attempt is made later.
    var finishes: End?
    var audit: AuditEntry?
    /// Due in the future: goes to the tier of what is left.
    var next: LaneRecordBody?
    var parked: ParkedRecord?
    var finishedCopy: FinishedCopy?

    /// How many records it is.
    var recordCount: Int {
        (audit == nil ? 0 : 1) + (next == nil ? 0 : 1) + (parked == nil ? 0 : 1) + (finishedCopy == nil ? 0 : 1)
    }

    /// Adds its records to a batch.
    ///
    /// - Returns: the source that the last of them went to, where that is a delay topic.
    func append(to batch: inout KafkaBatch, _ topics: KafkaTopics, at now: Timestamp) -> Int? {
        var source: Int?
        let auditPartition = Int32(lane % topics.auditPartitions)
        if let audit {
            batch.append(topic: topics.audit, partition: auditPartition, key: EmptyCollection<UInt8>()) {
                audit.write(to: &$0)
            }
        }
        if let parked {
            batch.append(topic: topics.audit, partition: auditPartition, key: EmptyCollection<UInt8>()) {
                parked.write(to: &$0)
            }
        }
        if let finishedCopy {
            batch.append(topic: topics.delay(.second1), partition: Int32(lane), key: EmptyCollection<UInt8>()) {
                finishedCopy.write(to: &$0)
            }
            source = DelayTier.second1.source
        }
        if let next {
            let tier = DelayTier(dueIn: (next.due ?? now).microseconds(since: now))
            batch.append(topic: topics.delay(tier), partition: Int32(lane), key: EmptyCollection<UInt8>()) {
                next.write(to: &$0)
            }
            source = tier.source
        }
        return source
    }

    /// What is left of it when these of its records were acknowledged, in the order of `append`; nil when all were.
    func remainder(_ acknowledged: some Sequence<Bool>) -> LaneMove? {
        var left = self
        var iterator = acknowledged.makeIterator()
        if audit != nil, iterator.next() == true { left.audit = nil }
        if parked != nil, iterator.next() == true { left.parked = nil }
        if finishedCopy != nil, iterator.next() == true { left.finishedCopy = nil }
        if next != nil, iterator.next() == true { left.next = nil }
        return left.recordCount == 0 ? nil : left
    }
}

extension LaneMove {
    /// What an outcome asks for.
    init(_ outcome: LaneOutcome, slot: RecordWindow.Slot?, subject: Subject) {
        let record = outcome.record
        lane = record.handle.lane
        epoch = record.handle.epoch
        self.subject = subject
        if let attempt = outcome.audit {
            var entry = AuditEntry(attempt: attempt)
            if case .dead(let letter) = outcome.next {
                entry.dead = AuditEntry.Dead(letter: letter, pos: record.pos, payload: record.envelope)
            }
            audit = entry
        }
        switch outcome.next {
        case .finished, .dead:
            finishes = End(delivery: record.delivery, attempt: record.attempt, isOver: true)
        case .retry(let attempt, let due):
            finishes = End(delivery: record.delivery, attempt: record.attempt, isOver: false)
            next = LaneRecordBody(record, attempt: attempt, due: due, unknown: slot?.unknown ?? [])
        case .postponed(let due):
            next = LaneRecordBody(record, attempt: record.attempt, due: due, unknown: slot?.unknown ?? [])
        }
    }
}

extension LaneRecordBody {
    /// A record of the same delivery.
    init(_ record: LaneRecord, attempt: Int, due: Timestamp?, relocation: Int64? = nil, unknown: [UInt8]) {
        self.init(
            endpoint: record.endpoint, event: record.event, tenant: record.tenant, type: record.type, pos: record.pos,
            cause: record.cause, attempt: attempt, configVersion: record.configVersion, recordedAt: record.recordedAt,
            firstDueAt: record.firstDueAt, due: due, relocation: relocation, envelope: record.envelope,
            acceptedAt: record.acceptedAt, trace: record.trace)
        self.unknown = unknown
    }

    /// The record as the worker gets it.
    func record(_ handle: LaneHandle) -> LaneRecord {
        LaneRecord(
            handle: handle, delivery: DeliveryID(event: event, endpoint: endpoint, cause: cause), endpoint: endpoint,
            event: event, tenant: tenant, type: type, pos: pos, cause: cause, attempt: attempt,
            configVersion: configVersion, recordedAt: recordedAt, firstDueAt: firstDueAt, envelope: envelope,
            acceptedAt: acceptedAt, trace: trace)
    }
}
