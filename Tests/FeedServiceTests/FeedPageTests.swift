internal import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Pages of the feed: filters, order, cursors (contracts §5).
@Suite(.timeLimit(.minutes(5))) struct FeedPageTests {
    private func ids(_ fixture: FeedFixture, _ query: String) async throws -> [String] {
        let answer = try await fixture.call("GET", "/v1/events?\(query)", as: fixture.acme.reader)
        #expect(answer.status == 200, "\(query): \(answer.raw.text)")
        return answer.json.ids
    }

    @Test func `a page has the envelopes byte for byte, in order`() async throws {
        try await withFeed { fixture in
            let odd = #"{ "a" : 1,"a":2, "x":"\u0000\u00e9é" , "big":12345678901234567890.10 }"#
            let first = try await fixture.append(to: fixture.acme, data: odd)[0]
            let second = try await fixture.append(to: fixture.acme, smith: "smt_1")[0]
            try await fixture.append(to: fixture.other)
            let page = try await fixture.call("GET", "/v1/events", as: fixture.acme.reader)
            let text = page.raw.text
            #expect(text.contains(odd))
            let one = try await fixture.call("GET", "/v1/events/\(first)", as: fixture.acme.reader)
            let two = try await fixture.call("GET", "/v1/events/\(second)", as: fixture.acme.reader)
            #expect(text.hasPrefix("{\"data\":[\(one.raw.text),\(two.raw.text)],\"next_cursor\":"))
            #expect(!text.contains(#""other""#))
            #expect(page.raw["Content-Type"] == "application/json")
        }
    }

    @Test func `types match exactly and by dot-aligned prefix, repeated or listed`() async throws {
        try await withFeed { fixture in
            let run = try await fixture.append(to: fixture.acme, type: "run.completed")[0].description
            let failed = try await fixture.append(to: fixture.acme, type: "run.failed")[0].description
            let bare = try await fixture.append(to: fixture.acme, type: "run")[0].description
            let longer = try await fixture.append(to: fixture.acme, type: "runner.x")[0].description
            let slack = try await fixture.append(to: fixture.acme, type: "slack.install")[0].description
            let dashed = try await fixture.append(to: fixture.acme, type: "run-x.y")[0].description
            let all = [run, failed, bare, longer, slack, dashed]
            #expect(try await ids(fixture, "") == all)
            #expect(try await ids(fixture, "type=run.completed") == [run])
            #expect(try await ids(fixture, "type=run") == [run, failed, bare])
            #expect(try await ids(fixture, "type=run.*") == [run, failed, bare])
            #expect(try await ids(fixture, "type=*") == all)
            #expect(try await ids(fixture, "type=run.failed,slack") == [failed, slack])
            #expect(try await ids(fixture, "type=run.failed&type=slack") == [failed, slack])
            #expect(try await ids(fixture, "type=run_") == [])
            #expect(try await ids(fixture, "type=run&order=desc") == [bare, failed, run])
            #expect(try await ids(fixture, "unknown=1&type=run.failed") == [failed])
        }
    }

    @Test func `smiths, and times of storing`() async throws {
        try await withFeed { fixture in
            let one = try await fixture.append(to: fixture.acme, smith: "smt 1/ä")[0]
            let two = try await fixture.append(to: fixture.acme, type: "slack.install", smith: "smt_2")[0]
            #expect(try await ids(fixture, "smith_id=smt%201%2F%C3%A4") == [one.description])
            #expect(try await ids(fixture, "smith_id=smt_2&type=slack") == [two.description])
            #expect(try await ids(fixture, "smith_id=smt_2&type=run") == [])
            // Back-dated: `since` means when the feed stored it.
            let between = SystemClock().now()
            let old = NewEvent.sample(fixture.acme.tenant, type: "run.completed", at: Timestamp(seconds: 1_000_000_000))
            _ = try await fixture.log.append([old])
            let time = RFC3339.format(between)
            #expect(try await ids(fixture, "since=\(time)").last == old.id.description)
            #expect(try await ids(fixture, "until=\(time)").contains(old.id.description) == false)
            #expect(try await ids(fixture, "since=2001-01-01T00:00:00%2B02:00").count == 3)
            #expect(try await ids(fixture, "since=2001-01-01T00:00:00+02:00").count == 3)
            #expect(try await ids(fixture, "until=2001-01-01T00:00:00Z") == [])
            #expect(try await ids(fixture, "since=2999-01-01T00:00:00Z") == [])
        }
    }

    @Test(arguments: [
        "limit=0", "limit=1001", "limit=x", "order=up", "wait=61", "wait=-1", "since=yesterday", "until=1", "type=a..b",
        "smith_id=", "cursor=abc", "cursor=AQAAAAEAAAAAAAAAAAAAAAA",
    ]) func `a bad parameter is refused by name`(query: String) async throws {
        try await withFeed { fixture in
            let answer = try await fixture.call("GET", "/v1/events?\(query)", as: fixture.acme.reader)
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["param"]?.text == query.split(separator: "=").first.map(String.init))
        }
    }

    @Test(arguments: ["asc", "desc"]) func `following the cursor gives each event once`(order: String) async throws {
        try await withFeed { fixture in
            let made = try await fixture.append(23, to: fixture.acme).map(\.description)
            try await fixture.append(7, to: fixture.other)
            var seen: [String] = []
            var cursor = ""
            var pages = 0
            repeat {
                let page = try await fixture.call(
                    "GET", "/v1/events?limit=5&order=\(order)&cursor=\(cursor)", as: fixture.acme.reader)
                seen += page.json.ids
                pages += 1
                if page.json["has_more"]?.bool == false { break }
                cursor = try #require(page.json["next_cursor"]?.text)
            } while pages < 10
            #expect(pages == 5)
            #expect(seen == (order == "asc" ? made : made.reversed()))
        }
    }

    @Test func `an empty page moves the cursor, and ascending it is never null`() async throws {
        try await withFeed { fixture in
            let before = try await fixture.call("GET", "/v1/events", as: fixture.acme.reader)
            let start = try #require(before.json["next_cursor"]?.text)
            try await fixture.append(5, to: fixture.other)
            let after = try await fixture.call("GET", "/v1/events?cursor=\(start)", as: fixture.acme.reader)
            #expect(after.json.ids == [])
            #expect(after.json["has_more"]?.bool == false)
            let moved = try #require(after.json["next_cursor"]?.text)
            #expect(moved != start)
            #expect(try FeedCursor(parsing: moved).pos == 5)
            let backwards = try await fixture.call("GET", "/v1/events?order=desc", as: fixture.acme.reader)
            #expect(backwards.json["next_cursor"] == .null)
        }
    }

    @Test func `a rare type behind many others is found, in bounded steps`() async throws {
        try await withFeed { fixture in
            let rare = try await fixture.append(to: fixture.acme, type: "rare.one")[0]
            for _ in 0..<6 { try await fixture.append(500, to: fixture.acme, type: "run.completed", smith: "s") }
            let second = try await fixture.append(to: fixture.acme, type: "rare.two", smith: "s")[0]
            let queries = FeedQueries(fixture.pool)
            let limits = PageLimits(events: 10, scan: 1_000)
            // By its own index over a long stretch …
            let family = try #require(EventType("rare"))
            var filter = FeedFilter(tenant: fixture.acme.tenant, families: [family])
            let page = try await queries.page(filter, after: nil, descending: false, limits: limits)
            #expect(page.items.count == 2)
            #expect(!page.hasMore)
            let backwards = try await queries.page(filter, after: nil, descending: true, limits: limits)
            #expect(backwards.items.map(\.pos) == page.items.map(\.pos).reversed())
            // … and, with a smith, by looking through a bounded number of rows and moving on.
            filter.smith = "s"
            var after: Int64?
            var found: [Int64] = []
            var steps = 0
            while true {
                let page = try await queries.page(filter, after: after, descending: false, limits: limits)
                found += page.items.map(\.pos)
                #expect(page.edge > after ?? 0)
                after = page.edge
                steps += 1
                if !page.hasMore { break }
            }
            #expect(found == [3_002])
            #expect(steps == 4)
            _ = (rare, second)
        }
    }

    @Test func `a page has at most 8 MiB of envelopes, and at least one`() async throws {
        try await withFeed { fixture in
            let large = #"{"x":"\#(String(repeating: "y", count: 250_000))"}"#
            try await fixture.append(50, to: fixture.acme, data: large)
            let page = try await fixture.call("GET", "/v1/events?limit=1000", as: fixture.acme.reader)
            #expect(page.raw.body.count < 9 << 20)
            #expect(page.json.ids.count == 33)
            #expect(page.json["has_more"]?.bool == true)
            let limits = PageLimits(events: 10, bytes: 1)
            let one = try await FeedQueries(fixture.pool).page(
                FeedFilter(tenant: fixture.acme.tenant), after: nil, descending: false, limits: limits)
            #expect(one.items.count == 1)
            #expect(one.hasMore)
        }
    }

    @Test func `a cursor past the retention, of another feed, or beyond the end is 410 and names the oldest`()
        async throws
    {
        try await withFeed { fixture in
            try await fixture.append(10, to: fixture.acme)
            let old = FeedCursor(epoch: 1, pos: 2).text
            #expect(try await ids(fixture, "cursor=\(old)").count == 8)
            try await fixture.pool.script("update fanfare.feed_head set oldest_pos = 6")
            let gone = try await fixture.call("GET", "/v1/events?cursor=\(old)", as: fixture.acme.reader)
            #expect(gone.status == 410)
            #expect(gone.json["error"]?["reason"]?.text == "retention")
            let oldest = try #require(gone.json["error"]?["oldest_cursor"]?.text)
            #expect(try await ids(fixture, "cursor=\(oldest)").count == 5)
            // Without a cursor the feed begins where it begins.
            #expect(try await ids(fixture, "").count == 5)
            let beyond = FeedCursor(epoch: 1, pos: 11).text
            #expect(try await fixture.call("GET", "/v1/events?cursor=\(beyond)", as: fixture.acme.reader).status == 410)
            try await fixture.pool.script("update fanfare.feed_head set epoch = 2")
            let other = try await fixture.call("GET", "/v1/events?cursor=\(oldest)", as: fixture.acme.reader)
            #expect(other.status == 410)
            #expect(other.json["error"]?["reason"]?.text == "epoch_changed")
            // Streams are told the same, before they begin.
            let stream = try await fixture.call(
                "GET", "/v1/events/stream", as: fixture.acme.reader, headers: [("Last-Event-ID", oldest)])
            #expect(stream.status == 410)
        }
    }

    @Test func `the id that a loser of the dedupe was told finds the event that won`() async throws {
        try await withFeed { fixture in
            let winner = try await fixture.append(to: fixture.acme)[0]
            let alias = EventID.make(at: SystemClock().now())
            try await fixture.pool.script(
                "insert into fanfare.event_aliases (alias_id, event_id) values ('\(alias)', '\(winner)')")
            let found = try await fixture.call("GET", "/v1/events/\(alias)", as: fixture.acme.reader)
            #expect(found.json["id"]?.text == winner.description)
            #expect(try await fixture.call("GET", "/v1/events/\(alias)", as: fixture.other.reader).status == 404)
            let unknown = EventID.make(at: SystemClock().now())
            #expect(try await fixture.call("GET", "/v1/events/\(unknown)", as: fixture.acme.reader).status == 404)
            #expect(try await fixture.call("GET", "/v1/events/evt_x", as: fixture.acme.reader).status == 404)
        }
    }

    @Test func `with Postgres away the answer is 503 and says when to try again`() async throws {
        try await withFeed { fixture in
            await fixture.pool.shutdown()
            for path in ["/v1/events", "/v1/tenant/webhooks", "/v1/event-types", "/v1/tenant/audit"] {
                let answer = try await fixture.call("GET", path, as: fixture.acme.admin)
                #expect(answer.status == 503, "\(path)")
                #expect(answer.raw["Retry-After"] == "1")
                #expect(answer.json.errorCode == "unavailable")
            }
        }
    }
}
