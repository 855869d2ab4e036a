internal import Backbone
internal import Database
internal import EventModel
internal import Store

/// A consumed record of `audit` on its way to the database.
struct ProjectedRecord {
    let part: Int
    let message: KafkaMessage
    /// Nil: nothing of it is projected.
    private(set) var entry: AuditEntry?
    /// What is to be set aside of it.
    var aside: ParkedRecord?
    private var isSimplified = false

    init(_ message: KafkaMessage) {
        part = Int(message.claim.partition)
        self.message = message
        if message.withValue(ParkedRecord.matches) {
            switch message.decoded(by: { bytes throws(RecordError) in try ParkedRecord(bytes) }) {
            case .success(let record): aside = record
            case .failure(let error): aside = parked(error.description)
            }
        } else {
            switch message.decoded(by: { bytes throws(RecordError) in try AuditEntry(bytes) }) {
            case .success(let record): entry = record
            case .failure(let error): aside = parked(error.description)
            }
        }
    }

    private func parked(_ reason: String) -> ParkedRecord {
        ParkedRecord(
            topic: Topic.audit, part: part, offset: message.offset, reason: reason, record: Array(message.value))
    }

    /// The database cannot hold it: first goes what an endpoint chose, then the record is set aside.
    mutating func simplify(_ error: DatabaseError) {
        if isSimplified || entry == nil {
            entry = nil
            aside = parked("\(error.code.rawValue) \(error.sqlState ?? "")")
        } else {
            isSimplified = true
            entry?.attempt.responseHeaders = nil
            entry?.attempt.responseHead = nil
            entry?.attempt.reason = nil
            entry?.attempt.sourceIP = nil
        }
    }
}

extension [ProjectedRecord] {
    /// The columns of the statement.
    var batch: ProjectAuditStatement.Batch {
        var batch = ProjectAuditStatement.Batch()
        for record in self {
            guard let entry = record.entry else { continue }
            if let dead = entry.dead {
                batch.append(
                    entry.attempt, letter: dead.letter, pos: dead.pos, payload: dead.payload, part: record.part,
                    offset: record.message.offset)
            } else {
                batch.append(entry.attempt, part: record.part, offset: record.message.offset)
            }
        }
        return batch
    }
}
