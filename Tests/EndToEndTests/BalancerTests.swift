import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// Two ingests and two feeds behind the nginx that `deploy/nginx` describes.
    @Suite(.enabled(if: Nginx.program != nil, "there is no nginx here (scripts/install-dependencies --tests)"))
    struct BalancerTests {
        /// What all tests of the suite share; none of them breaks it for good.
        struct House: Sendable {
            let installation: Installation
            let ingest: [Int]
            let feed: [Int]
            let nginx: Nginx
            /// Kept, since they end with their object.
            let others: [Installation.Another]

            var token: [(String, String)] { [("Authorization", "Bearer \(installation.status.token)")] }
            var json: [(String, String)] { token + [("Content-Type", "application/json")] }

            /// A request through nginx.
            func request(
                _ method: String, _ target: String, _ body: String? = nil, headers: [(String, String)] = []
            ) async throws -> TestAnswer {
                try await TestHTTP.request(
                    method, port: nginx.port, target, headers: (body == nil ? token : json) + headers,
                    body: body.map { Array($0.utf8) }, within: .seconds(20))
            }
        }

        private static let house = AsyncOnce {
            let installation = try await TestBackbone.postgres.start(settings: [
                "ingest.trusted-proxies = 127.0.0.1", "http.head-timeout = 1s", "http.body-timeout = 2s",
            ])
            let others = [try installation.startAnother(.ingest), try installation.startAnother(.feed)]
            for other in others { try await other.ready() }
            let ingest = [installation.status.ingestPort, others[0].port]
            let feed = [installation.status.feedPort, others[1].port]
            return House(
                installation: installation, ingest: ingest, feed: feed,
                nginx: try await Nginx(ingest: ingest, feed: feed), others: others)
        }

        private static let event = #"{"type":"balanced.one","data":{}}"#

        // MARK: Routing

        @Test(.timeLimit(.minutes(2))) func `each path and method reaches the process that serves it`() async throws {
            let house = try await Self.house.value()
            let workspace = house.installation.status.workspace
            #expect(try await house.request("POST", "/v1/events", Self.event).status == 202)
            #expect(try await house.request("POST", "/v1/ingest/events", Self.event).status == 202)
            #expect(try await house.request("POST", "/api/v1/webhooks/generic/\(workspace)", "{}").status == 202)
            let unknown = try await house.request("POST", "/v1/webhook/github/int_01M7ZCM1ZGPT6ZBKGGREQDPNMK", "{}")
            #expect(unknown.status == 404)
            #expect(try await house.request("GET", "/v1/events").status == 200)
            #expect(try await house.request("GET", "/v1/event-types").status == 200)
            #expect(try await house.request("GET", "/v1/meta").status == 200)
            let subscription = try await house.request(
                "POST", "/v1/webhook/subscriptions", #"{"url":"http://127.0.0.1:9999/","events":["nothing"]}"#)
            #expect(subscription.status == 201)
            let id = try house.installation.string("id", of: subscription)
            #expect(try await house.request("DELETE", "/v1/tenant/webhooks/\(id)").status == 204)
        }

        @Test(.timeLimit(.minutes(1))) func `a balancer that sees paths alone takes publications at the alias`()
            async throws
        {
            let house = try await Self.house.value()
            let nginx = try await Nginx(
                ingest: house.ingest, feed: house.feed, changes: [("POST    fanfare_ingest;", "POST    fanfare_feed;")])
            let publish = { (target: String) in
                try await TestHTTP.request(
                    "POST", port: nginx.port, target, headers: house.json, body: Array(Self.event.utf8))
            }
            #expect(try await publish("/v1/ingest/events").status == 202)
            let wrong = try await publish("/v1/events")
            #expect(wrong.status == 421 && wrong.text.contains("fanfare-ingest"))
            await nginx.stop()
        }

        @Test(.timeLimit(.minutes(1))) func `a process that is gone is no failed request`() async throws {
            let house = try await Self.house.value()
            // Nobody listens on the first of each.
            let nginx = try await Nginx(
                ingest: [FreePorts.one(), house.ingest[1]], feed: [FreePorts.one(), house.feed[1]])
            for _ in 0..<10 {
                let accepted = try await TestHTTP.request(
                    "POST", port: nginx.port, "/v1/events", headers: house.json, body: Array(Self.event.utf8))
                #expect(accepted.status == 202)
                let read = try await TestHTTP.request(port: nginx.port, "/v1/meta", headers: house.token)
                #expect(read.status == 200)
            }
            await nginx.stop()
            let alone = try await Nginx(ingest: [FreePorts.one()], feed: [FreePorts.one()])
            let away = try await TestHTTP.request(
                "POST", port: alone.port, "/v1/events", headers: house.json, body: Array(Self.event.utf8))
            #expect(away.status == 503)
            #expect(away.header("retry-after") == "1")
            #expect(try JSONValue(parsing: away.body)["error"]?["code"] == .string("unavailable"))
            await alone.stop()
        }

        // MARK: Who asks

        @Test(.timeLimit(.minutes(1)))
        func `a client's address is what a trusted proxy says, and nobody else's word counts`()
            async throws
        {
            let house = try await Self.house.value()
            let door = try await house.installation.integrate("github", #"{"webhook_secrets":["s"]}"#)
            let claims = [
                ("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"),
                ("Content-Type", "application/json"),
            ]
            let send = { (port: Int, source: UInt8, headers: [(String, String)]) in
                let status = try await onThread {
                    let connection = try RawConnection(port: UInt16(port), source: source)
                    return try connection.request("POST", door.path, headers: headers, body: Array("{}".utf8)).status
                }
                #expect(status == 401)
            }
            // Through nginx the claim is replaced by the address that nginx saw.
            try await send(house.nginx.port, 3, claims)
            // Straight to ingest from somebody who is no proxy: the claim is not believed.
            try await send(house.ingest[0], 4, claims)
            // From the proxy's own address it is.
            try await send(house.ingest[1], 1, [claims[0], claims[2]])
            let wanted = ["127.0.0.3", "127.0.0.4", "203.0.113.9"]
            try await eventually("the audit has the addresses") {
                let rows = try await house.installation.rows(
                    of: "select source_ip from fanfare.webhook_audit where integration_id = '\(door.id)'")
                let found = Set(
                    rows.compactMap { row -> String? in
                        guard case .string(let text)? = row["source_ip"] else { return nil }
                        return text
                    })
                return found.isSuperset(of: wanted) && found.isSubset(of: wanted + ["127.0.0.1"])
            }
            try await house.installation.end(door)
        }

        @Test(.timeLimit(.minutes(1))) func `a sender's X-Request-Id arrives, and none is invented`() async throws {
            let house = try await Self.house.value()
            let path =
                "/api/v1/webhooks/generic/\(house.installation.status.workspace)?source=balancer&event_type=asked"
            for id in ["one", "one", "two", nil, nil] {
                let headers = id.map { [("X-Request-Id", $0)] } ?? []
                #expect(try await house.request("POST", path, #"{"n":1}"#, headers: headers).status == 202)
            }
            let page = try JSONValue(
                parsing: try await house.request("GET", "/v1/events?type=webhook.balancer.asked").body)
            guard case .array(let events)? = page["data"] else { throw EndToEndError(description: "no page") }
            // "one" twice is one event; those without an id are two.
            #expect(events.map { $0["data"]?["dedupe_key"] } == [.string("one"), .string("two"), .null, .null])
            for event in events.suffix(2) { #expect(event["data"]?["headers"]?["x-request-id"] == nil) }
        }

        // MARK: Time and size

        @Test(.timeLimit(.minutes(1))) func `a stream's events come as they happen`() async throws {
            let house = try await Self.house.value()
            let stream = try await onThread {
                let connection = try RawConnection(port: UInt16(house.nginx.port))
                try connection.sendRequest("GET", "/v1/events/stream?type=streamed", headers: house.token)
                let head = try connection.readHead()
                #expect(head.status == 200 && head["Content-Type"]?.hasPrefix("text/event-stream") == true)
                return TestBox(connection)
            }
            for number in 0..<3 {
                let start = ContinuousClock.now
                let id = try await house.installation.publish("streamed.n", #"{"n":\#(number)}"#)
                try await onThread {
                    try stream.use { connection in
                        while true {
                            let line = String(decoding: try connection.take(until: [10]), as: UTF8.self)
                            if line.hasPrefix("data:"), line.contains(id) { return }
                        }
                    }
                }
                // A buffer of nginx's would keep it until 4 KiB are full; heartbeats come every 15 s.
                #expect(start.duration(to: .now) < .seconds(5))
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func `a body that is too large is refused by whoever notices first, in one form`()
            async throws
        {
            let house = try await Self.house.value()
            let payload = String(repeating: "x", count: 2 << 20)
            let ours = try await house.request("POST", "/v1/events", #"{"type":"big","data":"\#(payload)"}"#)
            let theirs = try await house.request("POST", "/v1/events", String(repeating: " ", count: 27 << 20))
            for (answer, message) in [(ours, "1048576"), (theirs, "any door")] {
                #expect(answer.status == 413)
                let error = try JSONValue(parsing: answer.body)["error"]
                #expect(error?["code"] == .string("payload_too_large"))
                guard case .string(let text)? = error?["message"] else { throw EndToEndError(description: answer.text) }
                #expect(text.contains(message), "\(text)")
            }
        }

        @Test(.timeLimit(.minutes(1)), arguments: [true, false])
        func `a client that takes its time over a request is cut off`(isBehind: Bool) async throws {
            let house = try await Self.house.value()
            let nginx = try await Nginx(
                ingest: house.ingest, feed: house.feed,
                changes: [
                    ("client_header_timeout 10s;", "client_header_timeout 1s;"),
                    ("client_body_timeout 30s;", "client_body_timeout 1s;"),
                ])
            let port = UInt16(isBehind ? nginx.port : house.ingest[0])
            let head = "POST /v1/events HTTP/1.1\r\nHost: test\r\n"
            let isCut = try await onThread {
                let connection = try RawConnection(port: port)
                try connection.send(head)
                // Closed without a word, or with a 408.
                let rest = try? connection.readToEnd()
                return rest.map { $0.isEmpty || String(decoding: $0, as: UTF8.self).contains(" 408 ") } ?? true
            }
            #expect(isCut)
            let answer = try await onThread {
                let connection = try RawConnection(port: port)
                try connection.send(
                    head + "Authorization: \(house.token[0].1)\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 100\r\n\r\n{\"type\":")
                return String(decoding: try connection.readToEnd(), as: UTF8.self)
            }
            // nginx closes without a word; ingest says why.
            if isBehind {
                #expect(answer == "")
            } else {
                #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("request_timeout"))
            }
            await nginx.stop()
        }
    }
}
