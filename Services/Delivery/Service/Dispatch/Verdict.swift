internal import Backbone
internal import EventModel

/// Decides what becomes of a delivery; pure functions of the record, the configuration and the result.
enum Verdict {
    /// Ends that need no POST: nil means that it may be sent.
    static func beforeSending(
        _ record: LaneRecord, _ configuration: EndpointConfiguration?, at now: Timestamp, policy: DispatchPolicy,
        newDeadLetter: () -> DeadLetterID
    ) -> LaneOutcome? {
        guard let configuration, configuration.status != .deleted else {
            return ended(record, at: now, .cancelled, reason: "deleted", .finished)
        }
        if record.cause == .test { return nil }
        switch configuration.status {
        case .paused: return ended(record, at: now, .cancelled, reason: "paused", .finished)
        case .pending: return ended(record, at: now, .cancelled, reason: "pending", .finished)
        case .disabled: return deadEnd(record, at: now, reason: "endpoint_disabled", newDeadLetter())
        case .deleted, .active: break
        }
        if now.microseconds(since: record.firstDueAt) > policy.greatestAge * 1_000_000 {
            return deadEnd(record, at: now, reason: "expired", newDeadLetter())
        }
        let firstStep = Int64(configuration.schedule.steps[0])
        let firstDue = record.recordedAt.adding(seconds: firstStep)
        if record.attempt == 1, firstStep > 0, record.cause == .live, now < firstDue {
            return LaneOutcome(record: record, audit: nil, next: .postponed(due: firstDue))
        }
        return nil
    }

    private static func ended(
        _ record: LaneRecord, at now: Timestamp, _ verdict: AttemptRecord.Verdict, reason: String,
        _ next: LaneOutcome.Next
    ) -> LaneOutcome {
        var audit = AttemptRecord(record, startedAt: now, verdict: verdict)
        audit.attempt = record.attempt - 1
        audit.reason = reason
        return LaneOutcome(record: record, audit: audit, next: next)
    }

    private static func deadEnd(
        _ record: LaneRecord, at now: Timestamp, reason: String, _ id: DeadLetterID
    ) -> LaneOutcome {
        let letter = DeadLetter(
            id: id, attempts: record.attempt - 1, errorClass: nil, status: nil, reason: reason)
        return ended(record, at: now, .dead, reason: reason, .dead(letter))
    }

    /// What follows an attempt. 2xx is success, 410 ends the endpoint, 429 and 503 are asked when to come back, everything
    /// else follows the schedule (`contracts.md` §7).
    static func afterAttempt(
        _ record: LaneRecord, _ result: AttemptResult, audit filled: AttemptRecord, schedule: RetrySchedule,
        endedAt: Timestamp, jitter: Double, newDeadLetter: () -> DeadLetterID
    ) -> LaneOutcome {
        var audit = filled
        audit.status = result.status
        audit.errorClass = result.errorClass
        if result.isSuccess {
            audit.verdict = .delivered
            return LaneOutcome(record: record, audit: audit, next: .finished)
        }
        let isGone = result.status == 410
        let asked = result.status == 429 || result.status == 503 ? result.retryAfter : nil
        let due =
            record.cause == .test || isGone
            ? nil : schedule.due(after: record.attempt, ended: endedAt, retryAfter: asked, jitter: jitter)
        if let due {
            audit.verdict = .retrying
            audit.nextAttemptAt = due
            return LaneOutcome(record: record, audit: audit, next: .retry(attempt: record.attempt + 1, due: due))
        }
        audit.verdict = .dead
        audit.reason = isGone ? "endpoint_disabled" : "exhausted"
        let letter = DeadLetter(
            id: newDeadLetter(), attempts: record.attempt, errorClass: audit.errorClass, status: result.status,
            reason: isGone ? "endpoint_disabled" : "exhausted")
        return LaneOutcome(record: record, audit: audit, next: .dead(letter))
    }
}

extension AttemptRecord {
    init(_ record: LaneRecord, startedAt: Timestamp, verdict: Verdict) {
        self.init(
            tenant: record.tenant, endpoint: record.endpoint, event: record.event, delivery: record.delivery,
            type: record.type, cause: record.cause, attempt: record.attempt, startedAt: startedAt, verdict: verdict)
    }
}
