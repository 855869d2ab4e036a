internal import Backbone
internal import Database
internal import EventCodec
internal import EventModel
internal import Store
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Bulk work: what is refused, what a dry run counts, and what cursors and positions make of it. The owners of lanes are
/// played by the test.
@Suite(.timeLimit(.minutes(5))) struct JobTests {
    private func start(_ fixture: FeedFixture, _ body: String) async throws -> FeedFixture.Answer {
        try await fixture.call("POST", "/v1/tenant/jobs", as: fixture.acme.admin, body)
    }

    private func job(_ fixture: FeedFixture, _ id: String) async throws -> JSONValue {
        try await fixture.call("GET", "/v1/tenant/jobs/\(id)", as: fixture.acme.admin).json
    }

    /// Reads a job's cursors to their end, as owners do, and answers what they would deliver, by webhook.
    private func deliver(
        _ fixture: FeedFixture, _ id: String, pages: Int = .max, limit: Int = 100, families: [String]? = nil
    ) async throws -> [EndpointID: [EventID]] {
        let store = CursorStore(fixture.pool)
        let taken = try await store.take(lanes: Array(0..<48))
        var delivered: [EndpointID: [EventID]] = [:]
        for cursor in taken.cursors where cursor.cause == Cause(id) {
            var pos = cursor.pos
            var count = 0
            while pos < cursor.until ?? 0, count < pages {
                count += 1
                let page = try await store.page(
                    CursorQuery(
                        tenant: cursor.tenant, endpoint: cursor.endpoint, after: pos, until: cursor.until,
                        families: cursor.types.isEmpty ? families : cursor.types, smith: cursor.smith, limit: limit,
                        bytes: 1 << 20, job: cursor.pageOfJob))
                #expect(page.edge > pos)
                pos = page.edge
                delivered[cursor.endpoint, default: []] += page.items.map(\.event)
                _ = try await store.record([
                    CursorProgress(
                        id: cursor.id, lane: cursor.lane, epoch: try #require(taken.epochs[cursor.lane]), pos: pos,
                        delivered: Int64(page.items.count), isDone: pos >= cursor.until ?? 0)
                ])
            }
        }
        return delivered
    }

    @Test func `what a job must not be is refused, and nothing is begun`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let foreign = try await fixture.webhook(fixture.other)
            for (body, code, param) in [
                ("{}", "missing_field", "action"), (#"{"action":"erase"}"#, "invalid_field", "action"),
                (#"{"action":"replay","type":["a"]}"#, "unknown_field", "type"),
                (#"{"action":"replay","types":["a..b"]}"#, "invalid_field", "types[0]"),
                (#"{"action":"replay","from":"yesterday"}"#, "invalid_field", "from"),
                (
                    #"{"action":"replay","from":"2026-01-02T00:00:00Z","to":"2026-01-02T00:00:00Z"}"#, "invalid_field",
                    "to"
                ),
                (#"{"action":"replay","error_class":"dns"}"#, "invalid_field", "error_class"),
                (#"{"action":"replay","rate_per_s":0}"#, "invalid_field", "rate_per_s"),
                (#"{"action":"replay","webhook_id":"x"}"#, "invalid_field", "webhook_id"),
                (#"{"action":"replay","smith_id":""}"#, "invalid_field", "smith_id"),
                (#"{"action":"discard"}"#, "missing_field", "reason"),
                (#"{"action":"discard","reason":"a\u0000"}"#, "invalid_field", "reason"),
                (#"{"action":"discard","reason":"a","rate_per_s":1}"#, "invalid_field", "rate_per_s"),
            ] {
                let answer = try await start(fixture, body)
                #expect(answer.status == 400, "\(body)")
                #expect(answer.json.errorCode == code, "\(body)")
                #expect(answer.json["error"]?["param"]?.text == param, "\(body)")
            }
            #expect(try await start(fixture, #"{"action":"replay","webhook_id":"\#(foreign)"}"#).status == 404)
            _ = try await fixture.call(
                "PATCH", "/v1/tenant/webhooks/\(webhook)", as: fixture.acme.admin, #"{"active":false}"#)
            let paused = try await start(fixture, #"{"action":"replay","webhook_id":"\#(webhook)"}"#)
            #expect(paused.status == 409)
            #expect(paused.json.errorCode == "webhook_not_active")
            let list = try await fixture.call("GET", "/v1/tenant/jobs", as: fixture.acme.admin)
            #expect(list.json["data"]?.elements == [])
            for bad in ["state=x", "action=x", "cursor=x", "webhook_id=x"] {
                let answer = try await fixture.call("GET", "/v1/tenant/jobs?\(bad)", as: fixture.acme.admin)
                #expect(answer.status == 400, "\(bad)")
            }
        }
    }

    @Test func `a replay goes over a stretch of time, also to a webhook of a minute ago, and a dry run counts it`()
        async throws
    {
        try await withFeed { fixture in
            let before = try await fixture.append(3, to: fixture.acme, type: "run.completed")
            let middle = try await fixture.recordedAt(before[2])
            // Its clock stands still within a microsecond.
            try await fixture.pool.script(
                "update fanfare.feed_head set last_recorded = last_recorded + interval '1 second'")
            let later =
                try await fixture.append(2, to: fixture.acme, type: "run.completed")
                + (try await fixture.append(1, to: fixture.acme, type: "slack.install", smith: "smt_1"))
            _ = try await fixture.append(2, to: fixture.other, type: "run.completed")
            let webhook = try await fixture.webhook(fixture.acme)
            let since = RFC3339.format(middle.adding(microseconds: 1_000))
            func count(_ more: String) async throws -> Int64? {
                let answer = try await start(fixture, #"{"action":"replay","dry_run":true\#(more)}"#)
                #expect(answer.status == 200)
                #expect(answer.json["exact"]?.bool == true)
                return answer.json["matched"]?.int
            }
            #expect(try await count("") == 6)
            #expect(try await count(#","webhook_id":"\#(webhook)","from":"\#(since)""#) == 3)
            #expect(try await count(#","to":"\#(since)""#) == 3)
            #expect(try await count(#","types":["slack.*"]"#) == 1)
            #expect(try await count(#","smith_id":"smt_1""#) == 1)
            #expect(try await count(#","smith_id":"smt_2""#) == 0)

            let answer = try await start(
                fixture, #"{"action":"replay","webhook_id":"\#(webhook)","from":"\#(since)","rate_per_s":50}"#)
            #expect(answer.status == 202)
            #expect(answer.json["state"]?.text == "running")
            #expect(answer.json["matched"]?.int == 3)
            #expect(answer.json["created_by"]?.text?.hasPrefix("tok_") == true)
            let id = try #require(answer.json["id"]?.text)
            #expect(try await deliver(fixture, id, pages: 1, limit: 2) == [webhook: Array(later[..<2])])
            let half = try await job(fixture, id)
            #expect(half["state"]?.text == "running")
            #expect(half["sent"]?.int == 2)
            #expect(half["position"]?.text == RFC3339.format(try await fixture.recordedAt(later[1])))
            #expect((half["progress"]?.double ?? 0) > 0 && (half["progress"]?.double ?? 1) < 1)
            #expect((half["rate"]?.double ?? 0) > 0)
            // Whoever goes on begins behind what was settled.
            #expect(try await deliver(fixture, id) == [webhook: [later[2]]])
            let done = try await job(fixture, id)
            #expect(done["state"]?.text == "done")
            #expect(done["sent"]?.int == 3 && done["delivered"]?.int == 3)
            #expect(done["progress"]?.double == 1)
            #expect(done["ended_at"]?.text != nil)
            let late = try await fixture.call("POST", "/v1/tenant/jobs/\(id)/cancel", as: fixture.acme.admin)
            #expect(late.status == 409)
            #expect(late.json.errorCode == "job_ended")
        }
    }

    @Test func `what lies behind the retention is refused with the oldest time`() async throws {
        try await withFeed { fixture in
            _ = try await fixture.webhook(fixture.acme)
            let events = try await fixture.append(5, to: fixture.acme)
            // Nothing was dropped yet: the time before the first event is as good as any.
            let early = #"{"action":"replay","from":"2020-01-01T00:00:00Z"}"#
            #expect(try await start(fixture, early).status == 202)
            try await fixture.pool.script(
                "update fanfare.feed_head set oldest_pos = next_pos - 2, last_recorded = last_recorded + interval '1 hour'"
            )
            let answer = try await start(fixture, early)
            #expect(answer.status == 400)
            #expect(answer.json.errorCode == "before_retention")
            #expect(answer.json["error"]?["param"]?.text == "from")
            let oldest = RFC3339.format(try await fixture.recordedAt(events[3]))
            #expect(answer.json["error"]?["oldest"]?.text == oldest)
            #expect(try await start(fixture, #"{"action":"replay","dry_run":true}"#).json["matched"]?.int == 2)
        }
    }

    @Test func `cancelled, a job reads nothing more; with its webhook it ends`() async throws {
        try await withFeed { fixture in
            let one = try await fixture.webhook(fixture.acme)
            _ = try await fixture.webhook(fixture.acme)
            _ = try await fixture.append(6, to: fixture.acme)
            let id = try #require(try await start(fixture, #"{"action":"replay"}"#).json["id"]?.text)
            #expect(try await deliver(fixture, id, pages: 1, limit: 2).values.map(\.count) == [2, 2])
            let path = "/v1/tenant/jobs/\(id)/cancel"
            #expect(try await fixture.call("POST", path, as: fixture.other.admin).status == 404)
            let answer = try await fixture.call("POST", path, as: fixture.acme.admin)
            #expect(answer.status == 200)
            #expect(answer.json["state"]?.text == "cancelled")
            #expect(answer.json["sent"]?.int == 4)
            #expect(try await fixture.call("POST", path, as: fixture.acme.admin).status == 200)
            try await JobStore(fixture.pool).stopCursors()
            #expect(try await deliver(fixture, id) == [:])
            #expect(try await job(fixture, id)["sent"]?.int == 4)

            let other = try #require(
                try await start(fixture, #"{"action":"replay","webhook_id":"\#(one)"}"#).json["id"]?.text)
            _ = try await fixture.call(
                "PATCH", "/v1/tenant/webhooks/\(one)", as: fixture.acme.admin, #"{"active":false}"#)
            try await eventually("the job ends") { try await job(fixture, other)["state"]?.text == "cancelled" }
            let list = try await fixture.call("GET", "/v1/tenant/jobs?state=cancelled&limit=1", as: fixture.acme.admin)
            #expect(list.json.ids == [other])
            let next = try #require(list.json["next_cursor"]?.text)
            let rest = try await fixture.call(
                "GET", "/v1/tenant/jobs?state=cancelled&cursor=\(next)", as: fixture.acme.admin)
            #expect(rest.json.ids == [id])
        }
    }

    @Test func `a resend is of what was not acknowledged since the webhook was made`() async throws {
        try await withFeed { fixture in
            _ = try await fixture.append(2, to: fixture.acme)
            let webhook = try await fixture.webhook(fixture.acme)
            let events = try await fixture.append(4, to: fixture.acme)
            for (event, verdicts) in [(events[0], ["retrying", "delivered"]), (events[1], ["dead"])] {
                for (index, verdict) in verdicts.enumerated() {
                    try await fixture.insertAttempt(
                        fixture.acme.tenant, webhook, event,
                        DeliveryID(event: event, endpoint: webhook, cause: .live), attempt: index + 1, verdict: verdict)
                }
            }
            let trial = try await start(fixture, #"{"action":"resend","dry_run":true,"webhook_id":"\#(webhook)"}"#)
            #expect(trial.json["matched"]?.int == 3)
            let id = try #require(
                try await start(fixture, #"{"action":"resend","webhook_id":"\#(webhook)"}"#).json["id"]?.text)
            #expect(try await deliver(fixture, id) == [webhook: Array(events[1...])])
        }
    }

    @Test func `a redrive sends each dead event once and marks its letter when that is settled`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let other = try await fixture.webhook(fixture.acme)
            var letters: [DeadLetterTests.Scene] = []
            for number in 0..<6 {
                letters.append(
                    try await fixture.deadLetter(
                        fixture.acme, number == 5 ? other : webhook, error: number == 2 ? "dns" : "http_5xx",
                        order: number))
            }
            let body = #"{"action":"redrive","webhook_id":"\#(webhook)","error_class":"http_5xx"#
            let trial = try await start(fixture, body + #"","dry_run":true}"#)
            #expect(trial.json["matched"]?.int == 4)
            let id = try #require(try await start(fixture, body + #""}"#).json["id"]?.text)
            let busy = try await start(fixture, #"{"action":"discard","reason":"x"}"#)
            #expect(busy.status == 409)
            #expect(busy.json.errorCode == "job_running")
            #expect(
                try await deliver(fixture, id, pages: 1, limit: 2) == [webhook: [letters[0].event, letters[1].event]])
            func dead() async throws -> [String] {
                try await fixture.call("GET", "/v1/tenant/dead-letters", as: fixture.acme.admin).json.ids
            }
            #expect(try await dead() == [5, 4, 3, 2].map { letters[$0].letter.description })
            #expect(try await deliver(fixture, id) == [webhook: [letters[3].event, letters[4].event]])
            #expect(try await job(fixture, id)["state"]?.text == "done")
            #expect(try await dead() == [5, 2].map { letters[$0].letter.description })
            let found = try await fixture.call(
                "GET", "/v1/tenant/dead-letters/\(letters[3].letter)", as: fixture.acme.admin)
            let delivery = DeliveryID(event: letters[3].event, endpoint: webhook, cause: Cause(id))
            #expect(found.json["redelivery_id"]?.text == delivery.description)
            let audit = try await fixture.call(
                "GET", "/v1/tenant/audit?direction=management&verdict=redriven", as: fixture.acme.admin)
            #expect(audit.json["data"]?.elements.count == 4)
            #expect(
                audit.json["data"]?.elements.allSatisfy { $0["actor"]?.text == id && $0["cause"]?.text == id } == true)
            // The rest, of all webhooks.
            let rest = try #require(try await start(fixture, #"{"action":"redrive"}"#).json["id"]?.text)
            #expect(try await deliver(fixture, rest) == [webhook: [letters[2].event], other: [letters[5].event]])
            #expect(try await dead() == [])
        }
    }

    @Test func `a discard throws away what matches, in steps that any process goes on with`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            var kept: [String] = []
            for number in 0..<12 {
                let scene = try await fixture.deadLetter(
                    fixture.acme, webhook, error: number % 4 == 0 ? "dns" : "http_5xx", order: number)
                if number % 4 == 0 { kept.insert(scene.letter.description, at: 0) }
            }
            _ = try await fixture.call("DELETE", "/v1/tenant/webhooks/\(webhook)", as: fixture.acme.admin)
            let trial = try await start(fixture, #"{"action":"discard","error_class":"http_5xx","dry_run":true}"#)
            #expect(trial.json["matched"]?.int == 9)
            let answer = try await start(
                fixture, #"{"action":"discard","error_class":"http_5xx","reason":"the shop is closed"}"#)
            #expect(answer.status == 202)
            let id = try #require(answer.json["id"]?.text)
            try await eventually("the discard is done") { try await job(fixture, id)["state"]?.text == "done" }
            #expect(try await job(fixture, id)["discarded"]?.int == 9)
            let list = try await fixture.call("GET", "/v1/tenant/dead-letters", as: fixture.acme.admin)
            #expect(list.json.ids == kept)
            let audit = try await fixture.call(
                "GET", "/v1/tenant/audit?direction=management&verdict=discarded", as: fixture.acme.admin)
            let rows = audit.json["data"]?.elements ?? []
            #expect(rows.count == 9)
            #expect(rows.allSatisfy { $0["reason"]?.text == "the shop is closed" && $0["actor"]?.text == id })
            #expect(fixture.counter("fanfare_dead_letters_discarded_total") == 9)
        }
    }

    @Test func `steps are bounded, and a job that was cancelled in between takes none`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            for number in 0..<5 { _ = try await fixture.deadLetter(fixture.acme, webhook, order: number) }
            let store = JobStore(fixture.pool)
            let range = try await store.range(from: nil, to: nil)
            var order = JobRecord.Order(.discard)
            order.reason = "test"
            let id = JobID.make(at: SystemClock().now())
            // Beside the service's own runner: whoever comes first takes the step.
            let problem = try await store.start(
                id, order, tenant: fixture.other.tenant, actor: "tok_x", count: JobCount(matched: 0, isExact: true),
                range: range, targets: [])
            #expect(problem == nil)
            try await store.cancel(id, tenant: fixture.other.tenant)
            #expect(try await store.find(id, tenant: fixture.other.tenant)?.state != .running)
            #expect(try await store.stepDiscard(limit: 2) == nil)
            #expect(try await store.find(id, tenant: fixture.acme.tenant) == nil)
        }
    }
}

extension FeedFixture {
    private static let recorded = Statement(
        "test.recorded", "select recorded_at from fanfare.events where event_id = $1")

    /// When the feed stored an event.
    func recordedAt(_ event: EventID) async throws -> Timestamp {
        try await pool.execute(Self.recorded, Parameters { $0.add(event.description) }).timestamp(0, 0)
    }
}
