import Backbone
import EventModel
import Testing

@testable import DeliveryService

@Suite struct VerdictTests {
    let now = Timestamp(seconds: 1_000)
    let letter = DeadLetterID(Ulid(high: 0, low: 7))

    private func configuration(
        _ status: EndpointConfiguration.Status, schedule: [Int] = [0, 30, 120, 600, 3_600]
    ) -> EndpointConfiguration {
        EndpointConfiguration(
            endpoint: LaneRecord.endpoint, tenant: TenantID(Ulid(high: 0, low: 1)), version: 1, status: status,
            url: "https://example.com/", timeout: nil, schedule: RetrySchedule(schedule) ?? .standard, sealedSecrets: []
        )
    }

    private func before(_ record: LaneRecord, _ configuration: EndpointConfiguration?, at time: Timestamp? = nil)
        -> LaneOutcome?
    {
        Verdict.beforeSending(
            record, configuration, at: time ?? now, policy: DispatchPolicy(), newDeadLetter: { letter })
    }

    private func after(_ attempt: Int, _ result: AttemptResult, cause: Cause = .live) -> LaneOutcome {
        let record = LaneRecord.sample(offset: 1, attempt: attempt, cause: cause)
        return Verdict.afterAttempt(
            record, result, audit: AttemptRecord(record, startedAt: now, verdict: .cancelled), schedule: .standard,
            endedAt: now, jitter: 0.5, newDeadLetter: { letter })
    }

    @Test func `a deleted, paused or unknown endpoint gets nothing`() {
        for (configuration, reason) in [
            (nil, "deleted"), (configuration(.deleted), "deleted"), (configuration(.paused), "paused"),
        ] {
            let outcome = before(.sample(offset: 1), configuration)
            #expect(outcome?.audit?.verdict == .cancelled)
            #expect(outcome?.audit?.reason == reason)
            #expect(outcome?.audit?.attempt == 0)
        }
    }

    @Test func `a test goes to a paused endpoint too`() {
        #expect(before(.sample(offset: 1, cause: .test), configuration(.paused)) == nil)
        #expect(before(.sample(offset: 1, cause: .test), configuration(.deleted)) != nil)
    }

    @Test func `what waits for a disabled endpoint becomes a dead letter`() {
        let outcome = before(.sample(offset: 1), configuration(.disabled))
        guard case .dead(let dead) = outcome?.next else {
            Issue.record("not a dead letter")
            return
        }
        #expect(dead.reason == "endpoint_disabled")
    }

    @Test func `a delivery of more than 72 hours expires`() {
        let old = now.adding(seconds: 72 * 3_600 + 1)
        #expect(before(.sample(offset: 1), configuration(.active), at: now.adding(seconds: 72 * 3_600)) == nil)
        guard case .dead(let dead) = before(.sample(offset: 1), configuration(.active), at: old)?.next else {
            Issue.record("not a dead letter")
            return
        }
        #expect(dead.reason == "expired")
    }

    @Test func `a first step above zero keeps the first attempt waiting`() {
        let outcome = before(.sample(offset: 1), configuration(.active, schedule: [5, 5]))
        guard case .postponed(let due) = outcome?.next else {
            Issue.record("must wait")
            return
        }
        #expect(due == now.adding(seconds: 5))
        #expect(before(.sample(offset: 1), configuration(.active, schedule: [5, 5]), at: due) == nil)
    }

    @Test(arguments: [200, 201, 204, 299])
    func `2xx is delivered`(_ status: Int) {
        let outcome = after(1, AttemptResult(status: status))
        #expect(outcome.audit?.verdict == .delivered)
        guard case .finished = outcome.next else {
            Issue.record("must be over")
            return
        }
    }

    @Test(arguments: [(100, "http_1xx"), (301, "http_3xx"), (404, "http_4xx"), (500, "http_5xx")])
    func `other statuses are retried by the schedule`(_ status: Int, _ errorClass: String) {
        let outcome = after(1, AttemptResult(status: status))
        #expect(outcome.audit?.errorClass == errorClass)
        guard case .retry(2, let due) = outcome.next else {
            Issue.record("must be retried")
            return
        }
        #expect(due == now.adding(seconds: 30).adding(milliseconds: 500))
        #expect(outcome.audit?.nextAttemptAt == due)
    }

    @Test(arguments: [(10, 30), (60, 60), (3_600, 3_600), (100_000, 3_600)])
    func `Retry-After counts between the step and an hour`(_ asked: Int, _ seconds: Int64) {
        for status in [429, 503] {
            var result = AttemptResult(status: status)
            result.retryAfter = asked
            guard case .retry(_, let due) = after(1, result).next else {
                Issue.record("must be retried")
                return
            }
            #expect(due == now.adding(seconds: seconds).adding(milliseconds: 500))
        }
        var other = AttemptResult(status: 500)
        other.retryAfter = asked
        guard case .retry(_, let due) = after(1, other).next else { return }
        #expect(due == now.adding(seconds: 30).adding(milliseconds: 500))
    }

    @Test func `the last failure leaves a dead letter`() {
        var result = AttemptResult()
        result.failure = "timeout"
        let outcome = after(5, result)
        #expect(outcome.audit?.verdict == .dead)
        guard case .dead(let dead) = outcome.next else {
            Issue.record("not a dead letter")
            return
        }
        #expect(dead == DeadLetter(id: letter, attempts: 5, errorClass: "timeout", status: nil, reason: "exhausted"))
    }

    @Test func `410 ends at once, and so does a test`() {
        guard case .dead(let gone) = after(1, AttemptResult(status: 410)).next,
            case .dead(let test) = after(1, AttemptResult(status: 500), cause: .test).next
        else {
            Issue.record("both must end")
            return
        }
        #expect(gone.reason == "endpoint_disabled")
        #expect(test.reason == "exhausted")
    }
}
