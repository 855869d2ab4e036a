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

/// Long-polls and server-sent events.
@Suite(.timeLimit(.minutes(5))) struct LiveReaderTests {
    /// An open stream, read frame by frame on a thread of its own.
    private final class Client: @unchecked Sendable {
        // Only one thread at a time reads: tests await each read.
        private let connection: RawConnection
        private var buffer: [UInt8] = []
        let head: RawResponse

        struct Frame: Sendable, Equatable {
            var id: String?
            var data: [String] = []
            var comment: String?
        }

        init(_ port: UInt16, _ target: String, token: String, lastID: String? = nil, receiveBuffer: Int = 0) throws {
            connection = try RawConnection(port: port, receiveBuffer: receiveBuffer)
            var headers = [("Authorization", "Bearer \(token)")]
            if let lastID { headers.append(("Last-Event-ID", lastID)) }
            try connection.sendRequest("GET", target, headers: headers)
            head = try connection.readHead()
        }

        /// The next block; nil at the end of the stream.
        func frame() throws -> Frame? {
            while true {
                if let end = blankLine() {
                    let text = String(decoding: buffer[..<end], as: UTF8.self)
                    buffer.removeFirst(end + 2)
                    var frame = Frame()
                    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                        if line.hasPrefix("id: ") { frame.id = String(line.dropFirst(4)) }
                        if line.hasPrefix("data: ") { frame.data.append(String(line.dropFirst(6))) }
                        if line.hasPrefix(":") { frame.comment = String(line.dropFirst(2)) }
                    }
                    return frame
                }
                guard let chunk = try connection.readChunk() else { return nil }
                buffer += chunk
            }
        }

        private var searched = 0

        /// Where the next blank line begins.
        private func blankLine() -> Int? {
            while searched + 1 < buffer.count {
                if buffer[searched] == 10, buffer[searched + 1] == 10 {
                    defer { searched = 0 }
                    return searched
                }
                searched += 1
            }
            return nil
        }

        /// The next frame with data.
        func event() throws -> Frame? {
            while let frame = try frame() { if !frame.data.isEmpty { return frame } }
            return nil
        }

        func events(_ count: Int) throws -> [Frame] { try (0..<count).compactMap { _ in try event() } }

        func hasInput(within milliseconds: Int) -> Bool { !buffer.isEmpty || connection.hasInput(within: milliseconds) }

        func close() { connection.close() }
    }

    private func open(
        _ fixture: FeedFixture, _ query: String = "", lastID: String? = nil, receiveBuffer: Int = 0
    ) async throws -> Client {
        let port = fixture.port
        let token = fixture.acme.reader
        let client = try await onThread {
            try Client(
                port, "/v1/events/stream?\(query)", token: token, lastID: lastID, receiveBuffer: receiveBuffer)
        }
        #expect(client.head.status == 200)
        return client
    }

    @Test func `a stream gives each event as it comes, with the cursor as id and no name`() async throws {
        try await withFeed { fixture in
            try await fixture.append(3, to: fixture.acme)
            let client = try await open(fixture)
            #expect(client.head["Content-Type"] == "text/event-stream")
            #expect(client.head["Cache-Control"] == "no-store")
            #expect(try await onThread { try client.frame()?.comment } == "open")
            let ids = try await fixture.append(2, to: fixture.acme)
            try await fixture.append(2, to: fixture.other)
            let frames = try await onThread { try client.events(2) }
            for (frame, id) in zip(frames, ids) {
                let stored = try await fixture.call("GET", "/v1/events/\(id)", as: fixture.acme.reader)
                #expect(frame.data == [stored.raw.text])
            }
            #expect(try FeedCursor(parsing: try #require(frames.last?.id)).pos == 5)
            client.close()
            try await eventually("the stream is forgotten") { fixture.gauge("fanfare_feed_streams") == 0 }
        }
    }

    @Test func `a stream goes on behind the last id, or the cursor, or since, from below the ring into it`()
        async throws
    {
        try await withFeed { fixture in
            let old = try await fixture.append(700, to: fixture.acme).map(\.description)
            let first = try await open(fixture, "since=2020-01-01T00:00:00Z")
            let frames = try await onThread { try first.events(700) }
            #expect(frames.compactMap { Self.id(of: $0) } == old)
            let middle = try #require(frames[349].id)
            let second = try await open(fixture, lastID: middle)
            let third = try await open(fixture, "cursor=\(middle)")
            let new = try await fixture.append(50, to: fixture.acme).map(\.description)
            for client in [second, third] {
                let frames = try await onThread { try client.events(400) }
                #expect(frames.compactMap { Self.id(of: $0) } == Array(old[350...]) + new)
            }
            #expect(try await onThread { try first.events(50) }.compactMap { Self.id(of: $0) } == new)
            for client in [first, second, third] { client.close() }
        }
    }

    @Test func `filters hold while catching up and live`() async throws {
        try await withFeed { fixture in
            func burst() async throws -> [String] {
                try await fixture.append(to: fixture.acme, type: "run.failed", smith: "a")
                let wanted = try await fixture.append(to: fixture.acme, type: "slack.install", smith: "a")
                try await fixture.append(to: fixture.acme, type: "slack.install", smith: "b")
                let bare = try await fixture.append(to: fixture.acme, type: "slack", smith: "a")
                try await fixture.append(to: fixture.other, type: "slack", smith: "a")
                return (wanted + bare).map(\.description)
            }
            let before = try await burst()
            let client = try await open(fixture, "type=slack&smith_id=a&since=2020-01-01T00:00:00Z")
            #expect(try await onThread { try client.events(2) }.compactMap { Self.id(of: $0) } == before)
            let after = try await burst()
            #expect(try await onThread { try client.events(2) }.compactMap { Self.id(of: $0) } == after)
            client.close()
        }
    }

    @Test func `line ends between a publisher's tokens arrive as lines of data`() async throws {
        try await withFeed { fixture in
            let client = try await open(fixture)
            try await fixture.append(to: fixture.acme, data: "{\n  \"a\": 1,\r\n  \"b\": 2,\r\"c\": 3\n}")
            let frame = try #require(try await onThread { try client.event() })
            #expect(frame.data.count == 5)
            let json = try JSONValue(parsing: Array(frame.data.joined(separator: "\n").utf8))
            #expect(json["data"]?["c"]?.int == 3)
            client.close()
        }
    }

    @Test func `a client that reads slowly gets everything, late, and holds nobody up`() async throws {
        try await withFeed { fixture in
            let slow = try await open(fixture, receiveBuffer: 4_096)
            let quick = try await open(fixture)
            let large = #"{"x":"\#(String(repeating: "y", count: 20_000))"}"#
            var made: [String] = []
            for _ in 0..<10 { made += try await fixture.append(20, to: fixture.acme, data: large).map(\.description) }
            let ids = made
            #expect(try await onThread { try quick.events(200) }.compactMap { Self.id(of: $0) } == ids)
            #expect(fixture.counter("fanfare_feed_stragglers_total") > 0)
            #expect(try await onThread { try slow.events(200) }.compactMap { Self.id(of: $0) } == ids)
            // Up to date again, it is live again.
            let next = try await fixture.append(to: fixture.acme)[0].description
            #expect(try await onThread { try slow.event() }.flatMap { Self.id(of: $0) } == next)
            for client in [slow, quick] { client.close() }
        }
    }

    @Test func `a client that takes nothing is cut off`() async throws {
        var limits = FeedService.Limits()
        limits.streamPatience = .milliseconds(300)
        try await withFeed(limits: limits) { fixture in
            let stuck = try await open(fixture, receiveBuffer: 4_096)
            let large = #"{"x":"\#(String(repeating: "y", count: 200_000))"}"#
            for _ in 0..<5 { try await fixture.append(10, to: fixture.acme, data: large) }
            try await eventually("the stream is closed") { fixture.gauge("fanfare_feed_streams") == 0 }
            stuck.close()
        }
    }

    @Test func `an event that is larger than a stream's queue goes through`() async throws {
        try await withFeed { fixture in
            let client = try await open(fixture)
            let large = #"{"x":"\#(String(repeating: "y", count: 250_000))"}"#
            let id = try await fixture.append(to: fixture.acme, data: large)[0].description
            let small = try await fixture.append(to: fixture.acme)[0].description
            let frames = try await onThread { try client.events(2) }
            #expect(frames.compactMap { Self.id(of: $0) } == [id, small])
            #expect(frames[0].data[0].utf8.count > 250_000)
            client.close()
        }
    }

    @Test func `a hundred streams cost no query each`() async throws {
        try await withFeed { fixture in
            let first = try await open(fixture)
            let before = fixture.counter("fanfare_feed_catch_up_queries_total")
            var clients: [Client] = []
            for _ in 0..<100 { clients.append(try await open(fixture)) }
            let id = try await fixture.append(to: fixture.acme)[0].description
            for client in clients + [first] {
                #expect(try await onThread { try client.event() }.flatMap { Self.id(of: $0) } == id)
            }
            #expect(fixture.counter("fanfare_feed_catch_up_queries_total") == before)
            #expect(fixture.gauge("fanfare_feed_streams") == 101)
            for client in clients + [first] { client.close() }
            try await eventually("all are forgotten") { fixture.gauge("fanfare_feed_streams") == 0 }
        }
    }

    @Test func `too many streams are refused, and shutting down ends them`() async throws {
        var limits = FeedService.Limits()
        limits.streams = 1
        try await withFeed(limits: limits) { fixture in
            let client = try await open(fixture)
            let refused = try await fixture.call("GET", "/v1/events/stream", as: fixture.acme.reader)
            #expect(refused.status == 503)
            #expect(refused.raw["Retry-After"] == "5")
            async let poll = fixture.call(
                "GET", "/v1/events?wait=60&cursor=\(FeedCursor(epoch: 1, pos: 0))", as: fixture.acme.reader)
            try await eventually("the poll waits") { fixture.service.waitingPolls == 1 }
            fixture.service.endReaders()
            #expect(try await onThread { try client.event() } == nil)
            let answer = try await poll
            #expect(answer.status == 200)
            #expect(answer.json.ids == [])
        }
    }

    // MARK: Long-polls

    @Test func `a long-poll ends with the event that it waited for`() async throws {
        try await withFeed { fixture in
            let start = try await fixture.call("GET", "/v1/events", as: fixture.acme.reader)
            let cursor = try #require(start.json["next_cursor"]?.text)
            async let poll = fixture.call(
                "GET", "/v1/events?wait=30&type=slack&cursor=\(cursor)", as: fixture.acme.reader)
            try await eventually("the poll waits") { fixture.service.waitingPolls == 1 }
            try await fixture.append(to: fixture.acme, type: "run.failed")
            try await fixture.append(to: fixture.other, type: "slack.install")
            let wanted = try await fixture.append(to: fixture.acme, type: "slack.install")[0].description
            let answer = try await poll
            #expect(answer.json.ids == [wanted])
            // The cursor is behind it: the next poll does not see it again.
            let next = try #require(answer.json["next_cursor"]?.text)
            let rest = try await fixture.call("GET", "/v1/events?cursor=\(next)", as: fixture.acme.reader)
            #expect(rest.json.ids == [])
        }
    }

    @Test func `a long-poll without an event ends with a moved cursor`() async throws {
        try await withFeed { fixture in
            let cursor = FeedCursor(epoch: 1, pos: 0).text
            async let poll = fixture.call(
                "GET", "/v1/events?wait=1&type=slack&cursor=\(cursor)", as: fixture.acme.reader)
            try await eventually("the poll waits") { fixture.service.waitingPolls == 1 }
            try await fixture.append(5, to: fixture.acme)
            let answer = try await poll
            #expect(answer.status == 200)
            #expect(answer.json.ids == [])
            #expect(try FeedCursor(parsing: answer.json["next_cursor"]?.text ?? "").pos == 5)
        }
    }

    @Test func `with events there a long-poll does not wait, whether the ring has them or Postgres`() async throws {
        try await withFeed { fixture in
            let ids = try await fixture.append(3, to: fixture.acme).map(\.description)
            let fromStore = try await fixture.call("GET", "/v1/events?wait=60", as: fixture.acme.reader)
            #expect(fromStore.json.ids == ids)
            let client = try await open(fixture)
            let more = try await fixture.append(3, to: fixture.acme).map(\.description)
            _ = try await onThread { try client.events(3) }
            let cursor = try #require(fromStore.json["next_cursor"]?.text)
            let before = fixture.counter(#"fanfare_feed_pages_total{source="ring"}"#)
            let fromRing = try await fixture.call(
                "GET", "/v1/events?wait=60&limit=2&cursor=\(cursor)", as: fixture.acme.reader)
            #expect(fromRing.json.ids == Array(more[..<2]))
            #expect(fromRing.json["has_more"]?.bool == true)
            #expect(fixture.counter(#"fanfare_feed_pages_total{source="ring"}"#) == before + 1)
            client.close()
        }
    }

    @Test func `without a notification the tailer looks by itself`() async throws {
        try await withFeed(notifies: false) { fixture in
            let client = try await open(fixture)
            let id = try await fixture.append(to: fixture.acme)[0].description
            #expect(try await onThread { try client.event() }.flatMap { Self.id(of: $0) } == id)
            client.close()
        }
    }

    private static func id(of frame: Client.Frame) -> String? {
        (try? JSONValue(parsing: Array(frame.data.joined(separator: "\n").utf8)))?["id"]?.text
    }
}
