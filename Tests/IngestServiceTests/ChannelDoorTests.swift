import Addresses
import EventCodec
import EventModel
import HTTPServer
import Inbound
import IngestService
import Observability
import Synchronization
import TestSupport
import Testing

@Suite struct ChannelDoorTests {
    private static let secrets = #"{"webhook_secrets":["s3cret"]}"#

    @Test func `an event carries what the contract says, the payload byte for byte`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            let body = #"{ "ref":"refs/heads/main", "n": 1.50, "u": "\u0041" }"#
            let response = try await bench.push("/v1/webhook/github/\(id)", body: body)
            #expect(response.status == 200)
            let event = try #require(bench.log.events.first)
            #expect(response.text == #"{"id":"\#(event.id)","duplicate":false}"#)
            #expect(event.type == "github.push" && event.tenant == FakeDirectory.tenant)
            #expect(String(decoding: event.envelope, as: UTF8.self).contains(#""payload":\#(body)}"#))
            let data = try event.data()
            #expect(data["channel"]?.text == "github" && data["integration_id"]?.text == "\(id)")
            #expect(data["event"]?.text == "push" && data["action"] == .null)
            #expect(data["delivery_id"]?.text == "guid-1")
            #expect(data["headers"]?["x-github-event"]?.text == "push")
            #expect(data["headers"]?["x-hub-signature-256"] == nil)
        }
    }

    @Test func `the same delivery is stored once and answered alike`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            let first = try await bench.push("/v1/webhook/github/\(id)")
            let second = try await bench.push("/v1/webhook/github/\(id)")
            #expect(second.status == 200 && second.text == first.text.replacing("false", with: "true"))
            let other = try bench.integrate(.github, secrets: Self.secrets, number: 2)
            let third = try await bench.push("/v1/webhook/github/\(other)")
            #expect(third.text.contains(#""duplicate":false"#))
        }
    }

    @Test func `the path without an id needs exactly one integration`() async throws {
        try await IngestBench.with { bench in
            let answer1 = try await bench.push("/v1/webhook/github").status
            #expect(answer1 == 404)
            try bench.integrate(.github, secrets: Self.secrets)
            try bench.integrate(.gitlab, secrets: #"{"secret_token":"t"}"#, number: 3)
            let answer2 = try await bench.push("/v1/webhook/github").status
            #expect(answer2 == 200)
            try bench.integrate(.github, secrets: Self.secrets, number: 2)
            let answer3 = try await bench.push("/v1/webhook/github").status
            #expect(answer3 == 404)
            bench.inbound.book.apply([], ended: [IntegrationID(Ulid(high: 9, low: 2))])
            let answer4 = try await bench.push("/v1/webhook/github").status
            #expect(answer4 == 200)
        }
    }

    @Test func `unknown doors, other channels and inactive integrations are 404`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            let idle = try bench.integrate(.github, secrets: Self.secrets, number: 2, isActive: false)
            for path in [
                "/v1/webhook/gitlab/\(id)", "/v1/webhook/github/int_x", "/v1/webhook/github/\(idle)",
                "/v1/webhook/nobody", "/v1/webhook/nobody/\(id)", "/v1/webhook/generic/trg_1",
                "/v1/webhook/github/\(IntegrationID(Ulid(high: 1, low: 1)))",
            ] {
                let response = try await bench.push(path)
                #expect(response.status == 404, Comment(rawValue: path))
            }
            let records = await bench.records.reaches(7)
            #expect(records.allSatisfy { $0.verdict == .refused && $0.status == 404 && $0.reason == "unknown_door" })
            #expect(Set(records.map(\.channel)) == ["github", "gitlab", "unknown", "generic"])
        }
    }

    @Test func `a wrong method is 405 with Allow, a wrong type 415, too much 413`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets, config: #"{"body_limit_bytes":40}"#)
            let path = "/v1/webhook/github/\(id)"
            let get = try await bench.send("GET", path)
            #expect(get.status == 405 && get["Allow"] == "POST")
            let answer5 = try await bench.send("DELETE", path).status
            #expect(answer5 == 405)
            let wecom = try bench.integrate(.wecom, secrets: #"{"token":"t"}"#, number: 2)
            let put = try await bench.send("PUT", "/v1/webhook/wecom/\(wecom)")
            #expect(put.status == 405 && put["Allow"] == "GET, POST")
            let text = try await bench.send("POST", path, headers: [("Content-Type", "text/plain")], body: [1])
            #expect(text.status == 415 && text["Accept-Post"]?.contains("application/json") == true)
            let packed = try await bench.push(path, headers: [("Content-Encoding", "gzip")])
            #expect(packed.status == 415)
            let large = try await bench.push(path, body: #"{"ref":"refs/heads/main","padding":"123456789"}"#)
            #expect(large.status == 413)
            let deep = String(repeating: "[", count: 100)
            let nested = try bench.integrate(.github, secrets: Self.secrets, number: 4)
            let refused = try await bench.push("/v1/webhook/github/\(nested)", body: "{\"a\":\(deep)")
            #expect(refused.status == 400)
            let records = await bench.records.reaches(7)
            #expect(
                records.map(\.reason) == [
                    "method", "method", "method", "media_type", "compressed", "too_large", "malformed_body",
                ])
            #expect(bench.log.events.isEmpty)
        }
    }

    @Test func `an allow-list looks at the peer, and at forwarded addresses only behind a trusted proxy`() async throws
    {
        let config = #"{"ip_allow":["192.0.2.0/24"]}"#
        let forwarded = [("X-Forwarded-For", "198.51.100.1, 192.0.2.7")]
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets, config: config)
            let answer6 = try await bench.push("/v1/webhook/github/\(id)").status
            #expect(answer6 == 403)
            let answer7 = try await bench.push("/v1/webhook/github/\(id)", headers: forwarded).status
            #expect(answer7 == 403)
            let records = await bench.records.reaches(2)
            #expect(records.allSatisfy { $0.reason == "address" && $0.sourceIP == "127.0.0.1" })
        }
        let proxies = ProxyTrust(proxies: try #require([AddressRange("127.0.0.0/8")] as? [AddressRange]))
        try await IngestBench.with(trust: proxies) { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets, config: config)
            let path = "/v1/webhook/github/\(id)"
            let answer8 = try await bench.push(path, delivery: "a", headers: forwarded).status
            #expect(answer8 == 200)
            let named = [("Forwarded", #"for=198.51.100.1, for="192.0.2.9:4711";proto=https"#)]
            let answer9 = try await bench.push(path, delivery: "b", headers: named).status
            #expect(answer9 == 200)
            let answer10 = try await bench.push(path, delivery: "c", headers: named + forwarded).status
            #expect(answer10 == 403)
            let spoofed = [("X-Forwarded-For", "192.0.2.7, 198.51.100.1")]
            let answer11 = try await bench.push(path, delivery: "d", headers: spoofed).status
            #expect(answer11 == 403)
            let answer12 = try await bench.push(path, delivery: "e").status
            #expect(answer12 == 403)
            let records = await bench.records.reaches(5)
            #expect(
                records.map(\.sourceIP) == [
                    "192.0.2.7", "192.0.2.9", "127.0.0.1", "198.51.100.1", "127.0.0.1",
                ])
        }
    }

    @Test func `a client certificate is believed from a trusted proxy only`() async throws {
        let config = #"{"client_cert_subject":"CN=sender"}"#
        let header = [("X-Client-Cert-Subject", "CN=sender")]
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets, config: config)
            let answer13 = try await bench.push("/v1/webhook/github/\(id)", headers: header).status
            #expect(answer13 == 403)
        }
        let proxies = ProxyTrust(proxies: try #require([AddressRange("127.0.0.1")] as? [AddressRange]))
        try await IngestBench.with(trust: proxies) { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets, config: config)
            let path = "/v1/webhook/github/\(id)"
            let answer14 = try await bench.push(path, headers: header).status
            #expect(answer14 == 200)
            let answer15 = try await bench.push(path, headers: [("X-Client-Cert-Subject", "CN=other")]).status
            #expect(answer15 == 403)
            let answer16 = try await bench.push(path).status
            #expect(answer16 == 403)
        }
    }

    @Test func `a rate limits who is authentic and nobody else`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets, config: #"{"rate_per_s":1}"#)
            let path = "/v1/webhook/github/\(id)"
            for _ in 0..<3 {
                let answer17 = try await bench.push(path, secret: "wrong").status
                #expect(answer17 == 401)
            }
            let answer18 = try await bench.push(path, delivery: "a").status
            #expect(answer18 == 200)
            let limited = try await bench.push(path, delivery: "b")
            #expect(limited.status == 429 && limited["Retry-After"] == "1")
            bench.clock.advance(by: .seconds(1))
            let answer19 = try await bench.push(path, delivery: "b").status
            #expect(answer19 == 200)
        }
    }

    @Test func `a rotated secret is taken until its time is over`() async throws {
        try await IngestBench.with { bench in
            let until = bench.clock.now().adding(microseconds: 60_000_000)
            let id = try bench.integrate(
                .github, secrets: #"{"webhook_secrets":["new"]}"#, previous: [(Self.secrets, until)])
            let path = "/v1/webhook/github/\(id)"
            let answer20 = try await bench.push(path, secret: "new", delivery: "a").status
            #expect(answer20 == 200)
            let answer21 = try await bench.push(path, secret: "s3cret", delivery: "b").status
            #expect(answer21 == 200)
            bench.clock.advance(by: .seconds(60))
            let answer22 = try await bench.push(path, secret: "s3cret", delivery: "c").status
            #expect(answer22 == 401)
            let answer23 = try await bench.push(path, secret: "new", delivery: "c").status
            #expect(answer23 == 200)
        }
    }

    @Test func `a change of settings takes effect at once`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            let path = "/v1/webhook/github/\(id)"
            let answer24 = try await bench.push(path).status
            #expect(answer24 == 200)
            try bench.integrate(.github, secrets: #"{"webhook_secrets":["other"]}"#, version: 2)
            let answer25 = try await bench.push(path).status
            #expect(answer25 == 401)
        }
    }

    @Test func `all failures of an encrypted channel look the same`() async throws {
        try await IngestBench.with { bench in
            var answers: Set<String> = []
            for (place, vector) in InboundVector.all.enumerated()
            where ["wecom", "lark"].contains(vector.channel) && vector.expect["verdict"]?.text == "reject" {
                let channel = try #require(InboundChannel(rawValue: vector.channel))
                let id = try bench.integrate(
                    channel, secrets: String(decoding: vector.secrets, as: UTF8.self), number: UInt64(place + 10))
                let query = vector.query.map { "\($0.name)=\($0.value.replacing("+", with: "%2B"))" }
                let response = try await bench.send(
                    vector.method, "/v1/webhook/\(channel.rawValue)/\(id)?\(query.joined(separator: "&"))",
                    headers: vector.headers.map { ($0.name, $0.value) }, body: vector.body)
                answers.insert("\(response.status) \(response.text)")
            }
            #expect(answers.count == 1)
        }
    }

    @Test func `what cannot be opened is our fault`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: #"{"no_such_name":1}"#)
            let response = try await bench.push("/v1/webhook/github/\(id)")
            #expect(response.status == 503 && response["Retry-After"] != nil)
        }
    }

    @Test func `the log's trouble is 503 and in the audit`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            bench.log.state.withLock { $0.refusedTypes = ["github.push"] }
            let answer26 = try await bench.push("/v1/webhook/github/\(id)").status
            #expect(answer26 == 500)
            let record = try #require(await bench.records.reaches(1).first)
            #expect(record.verdict == .refused && record.status == 500 && record.reason == "unavailable")
        }
    }

    @Test func `the audit says what a request came to`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            let path = "/v1/webhook/github/\(id)"
            _ = try await bench.push(path)
            _ = try await bench.push(path)
            _ = try await bench.push(path, secret: "wrong")
            let records = await bench.records.reaches(3)
            #expect(records.map(\.verdict) == [.accepted, .duplicate, .refused])
            #expect(records.map(\.status) == [200, 200, 401])
            #expect(records.map(\.event) == [bench.log.events.first?.id, bench.log.events.first?.id, nil])
            #expect(records[2].reason == "signature_mismatch" && records[0].reason == nil)
            for record in records {
                #expect(record.tenant == FakeDirectory.tenant && record.integration == "\(id)")
                #expect(record.headersSHA256?.count == 32 && record.payloadSHA256?.count == 32)
                #expect(record.sourceIP == "127.0.0.1" && record.channel == "github" && record.total > 0)
            }
            var text: [UInt8] = []
            bench.metrics.render(into: &text)
            let metrics = String(decoding: text, as: UTF8.self)
            #expect(metrics.contains(#"fanfare_inbound_requests_total{channel="github",verdict="accepted"} 1"#))
            #expect(metrics.contains(#"fanfare_inbound_requests_total{channel="github",verdict="refused"} 1"#))
        }
    }

    @Test func `the row of what is accepted goes with its event, and publications have none`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            let answer = try await bench.push("/v1/webhook/github/\(id)").status
            #expect(answer == 200)
            let published = try await bench.post("/v1/events", #"{"type":"a.b","data":{}}"#).status
            #expect(published == 202)
            let events = bench.log.events
            #expect(events.map(\.type) == ["github.push", "a.b"])
            let record = try #require(events.first?.audit?.record)
            #expect(record.verdict == .accepted && record.status == 200 && record.reason == nil)
            #expect(record.event == events.first?.id && record.type == "github.push")
            #expect(record.tenant == events.first?.tenant && record.total > 0)
            #expect(record.dedupeKey?.hasSuffix(":guid-1") == true)
            #expect(events.last?.audit == nil)
        }
    }

    @Test func `what the server refuses by itself is in the audit too`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets, config: #"{"body_limit_bytes":10}"#)
            let port = bench.port
            let status = try await onThread {
                let connection = try RawConnection(port: port)
                defer { connection.close() }
                try connection.send(
                    "POST /v1/webhook/github/\(id) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                try connection.send("14\r\n01234567890123456789\r\n0\r\n\r\n")
                return try connection.readResponse().status
            }
            #expect(status == 413)
            let workspace = "/api/v1/webhooks/generic/\(FakeDirectory.workspace)"
            let packed = try await bench.post(workspace, "{}", token: nil, headers: [("Content-Encoding", "gzip")])
            #expect(packed.status == 415)
            let records = await bench.records.reaches(2)
            #expect(records.map(\.reason) == ["too_large", "compressed"])
            #expect(records.map(\.status) == [413, 415])
            #expect(records.map(\.integration) == ["\(id)", "\(FakeDirectory.workspace)"])
        }
    }

    @Test func `a body that stops coming is answered 408, at every door, and is in the audit`() async throws {
        var configuration = HTTPServerConfiguration()
        // It counts from the opening of the connection: long enough for a head on a busy machine.
        configuration.requestDeadline = .seconds(2)
        try await IngestBench.with(configuration: configuration) { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            let workspace = "\(FakeDirectory.workspace)"
            let port = bench.port
            try await withThrowingTaskGroup(of: Void.self) { group in
                for target in ["/v1/webhook/github/\(id)", "/api/v1/webhooks/generic/\(workspace)", "/v1/events"] {
                    group.addTask {
                        let (answer, isClosed) = try await onThread {
                            let connection = try RawConnection(port: port)
                            defer { connection.close() }
                            try connection.send(
                                "POST \(target) HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer writer\r\n"
                                    + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"type\":")
                            return (try connection.readResponse(), connection.isClosedByServer())
                        }
                        #expect(answer.status == 408 && isClosed, "\(target)")
                        #expect(answer.text.contains(#""code":"request_timeout""#), "\(answer.text)")
                    }
                }
                try await group.waitForAll()
            }
            // The publish door has no rows.
            let records = await bench.records.reaches(2)
            #expect(records.map(\.reason) == ["too_slow", "too_slow"] && records.map(\.status) == [408, 408])
            #expect(Set(records.map(\.integration)) == ["\(id)", workspace])
            #expect(bench.log.events.isEmpty)
        }
    }

    @Test func `a flood of refusals fills nothing`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.github, secrets: Self.secrets)
            for _ in 0..<50 { _ = try await bench.push("/v1/webhook/github/\(id)", secret: "wrong") }
            bench.clock.advance(by: .seconds(60))
            _ = try await bench.push("/v1/webhook/github/\(id)")
            let records = await bench.records.reaches(32)
            #expect(records.count == 32)
            #expect(records.compactMap(\.leftOut) == [20])
            let summary = try #require(records.first { $0.leftOut != nil })
            #expect(summary.integration == "\(id)" && summary.tenant == FakeDirectory.tenant)
        }
    }
}
