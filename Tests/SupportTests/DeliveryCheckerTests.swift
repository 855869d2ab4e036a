import EventModel
import Signing
import Testing

@testable import TestSupport

/// The checker finds what is wrong: each test breaks one thing of a history that is right.
@Suite struct DeliveryCheckerTests {
    private static let secret = SigningSecret.generate()

    /// Three events: the first two delivered at once, the third after a failure; and a fourth that is a dead letter.
    private func history() throws -> DeliveryEvidence {
        var evidence = DeliveryEvidence(tenant: "ten_a")
        var requests: [ReceivedRequest] = []
        for number in 1...4 {
            let event = try #require(EventID("evt_0000000000000000000000000\(number)"))
            let data = #"{"n":\#(number)}"#
            let envelope = Array(#"{"v":1,"id":"\#(event)","type":"run.done","data":\#(data)}"#.utf8)
            evidence.acknowledged.append(.init(event: "\(event)", key: "key-\(number)", data: Array(data.utf8)))
            evidence.feed.append(
                .init(
                    position: Int64(number), event: "\(event)", type: "run.done", tenant: "ten_a", envelope: envelope))
            evidence.polled.append(envelope)
            let last = number > 2 ? 2 : 1
            for attempt in 1...last {
                let isEnd = attempt == last
                let verdict = !isEnd ? "retrying" : number == 4 ? "dead" : "delivered"
                evidence.attempts.append(
                    .init(
                        endpoint: "wh_1", event: "\(event)", delivery: "dlv_\(number)", number: attempt,
                        verdict: verdict, reason: verdict == "dead" ? "exhausted" : nil,
                        status: verdict == "delivered" ? 200 : 500))
                requests.append(request(event, envelope, "dlv_\(number)", attempt))
            }
            if number == 4 {
                evidence.deadLetters.append(
                    .init(endpoint: "wh_1", event: "\(event)", delivery: "dlv_4", payload: envelope))
            }
        }
        evidence.nextPosition = 5
        evidence.endpoints = [
            .init(id: "wh_1", secret: Self.secret.text, events: ["run"], requests: requests)
        ]
        return evidence
    }

    private func request(
        _ event: EventID, _ body: [UInt8], _ delivery: String, _ attempt: Int, secret: SigningSecret = secret
    ) -> ReceivedRequest {
        let now = SystemClock().now().seconds
        let signer = DeliverySigner(secret)
        return ReceivedRequest(
            connection: 0, indexOnConnection: 0, requestLine: "POST /hook HTTP/1.1",
            headerLines: [
                "X-IC-Event-Id: \(event)", "X-IC-Delivery-Id: \(delivery)", "X-IC-Webhook-Id: wh_1",
                "X-IC-Attempt: \(attempt)", "X-IC-Signature: \(signer.headerSignature(timestamp: now, body: body))",
                "webhook-id: \(event)", "webhook-timestamp: \(now)",
                "webhook-signature: \(signer.standardSignatures(id: event, timestamp: now, body: body))",
            ], body: body)
    }

    /// Breaks the history and returns the kinds of what the checker found.
    private func kinds(
        allowing allowance: DeliveryChecker.Allowance = .init(), _ break: (inout DeliveryEvidence) throws -> Void
    ) throws -> Set<String> {
        var evidence = try history()
        try `break`(&evidence)
        let lines = DeliveryChecker.findings(evidence, allowing: allowance)
        return Set(lines.map { String($0.prefix { $0 != ":" }) })
    }

    @Test func `a right history has no findings`() throws {
        #expect(DeliveryChecker.findings(try history()) == [])
    }

    @Test func `an acknowledged event that is not on the feed`() throws {
        let found = try kinds { $0.acknowledged.append(.init(event: "evt_lost")) }
        #expect(found == ["acknowledged and not on the feed"])
    }

    @Test func `an event twice on the feed`() throws {
        let found = try kinds { evidence in
            var row = evidence.feed[0]
            row.position = 5
            evidence.feed.append(row)
            evidence.polled.append(row.envelope)
            evidence.nextPosition = 6
        }
        #expect(found == ["event twice on the feed"])
    }

    @Test func `one key acknowledged as two events`() throws {
        #expect(try kinds { $0.acknowledged[1].key = "key-1" } == ["one key, two events"])
    }

    @Test func `other data than published`() throws {
        #expect(try kinds { $0.acknowledged[1].data = Array(#"{"n": 2}"#.utf8) } == ["other data than published"])
    }

    @Test func `a hole, a step back and a missing end of the positions`() throws {
        #expect(try kinds { $0.nextPosition = 6 } == ["feed positions"])
        #expect(try kinds { $0.oldestPosition = 0 } == ["feed positions"])
        #expect(try kinds { $0.feed[1].position = 1 } == ["feed positions"])
    }

    @Test func `a poller that missed an event, or got them in another order`() throws {
        #expect(try kinds { $0.polled.remove(at: 1) } == ["paging"])
        #expect(try kinds { $0.polled.swapAt(1, 2) } == ["paging"])
    }

    @Test func `a delivery that never ended`() throws {
        #expect(try kinds { $0.attempts.remove(at: 3) }.contains("delivery without end"))
        #expect(
            try kinds { evidence in
                evidence.attempts.remove(at: 0)
                evidence.endpoints[0].requests.remove(at: 0)
            } == ["delivery without end"])
    }

    @Test func `a delivery that ended twice, or went on after its end`() throws {
        #expect(
            try kinds { evidence in
                evidence.attempts[2].verdict = "delivered"
                evidence.attempts[2].status = 200
            }.contains("delivery ended twice"))
        #expect(
            try kinds { evidence in
                evidence.attempts[2].verdict = "cancelled"
                evidence.attempts[2].reason = "paused"
                evidence.attempts[3].verdict = "retrying"
            } == ["sent after the end"])
    }

    @Test func `two delivery ids for one pair`() throws {
        let found = try kinds { evidence in
            var attempt = evidence.attempts[0]
            attempt.delivery = "dlv_other"
            attempt.status = nil
            attempt.verdict = "cancelled"
            attempt.reason = "paused"
            attempt.number = 0
            evidence.attempts.append(attempt)
        }
        #expect(found == ["delivered under two ids"])
    }

    @Test func `a cancelled delivery without a reason`() throws {
        let found = try kinds { evidence in
            evidence.attempts[0].verdict = "cancelled"
            evidence.attempts[0].reason = nil
        }
        #expect(found == ["cancelled without reason"])
    }

    @Test func `a dead end without letter, a letter without end, a letter with other bytes`() throws {
        #expect(try kinds { $0.deadLetters = [] } == ["dead letters"])
        #expect(try kinds { $0.deadLetters[0].payload.append(0x20) } == ["dead letters"])
        #expect(
            try kinds { evidence in
                var letter = evidence.deadLetters[0]
                letter.delivery = "dlv_1"
                letter.event = evidence.feed[0].event
                letter.payload = evidence.feed[0].envelope
                evidence.deadLetters.append(letter)
            } == ["dead letters"])
    }

    @Test func `a delivery of an event that does not match`() throws {
        #expect(try kinds { $0.feed[0].type = "runner.done" } == ["delivery of what does not match"])
        #expect(try kinds { $0.feed[0].onlyEndpoint = "wh_2" } == ["delivery of what does not match"])
    }

    @Test func `repeated attempts, more than are excused`() throws {
        func `repeat`(_ evidence: inout DeliveryEvidence) {
            evidence.endpoints[0].requests.append(evidence.endpoints[0].requests[0])
        }
        #expect(try kinds { `repeat`(&$0) } == ["attempts repeated"])
        #expect(try kinds(allowing: .init(duplicates: 1)) { `repeat`(&$0) } == [])
        #expect(
            try kinds(allowing: .init(duplicates: 1)) { evidence in
                `repeat`(&evidence)
                `repeat`(&evidence)
            } == ["attempts repeated"])
    }

    @Test func `a request that the audit does not know, and an attempt that no receiver saw`() throws {
        func add(_ evidence: inout DeliveryEvidence) throws {
            let event = try #require(EventID(evidence.feed[0].event))
            evidence.endpoints[0].requests.append(request(event, evidence.feed[0].envelope, "dlv_1", 2))
        }
        #expect(try kinds { try add(&$0) } == ["requests without audit record"])
        #expect(try kinds(allowing: .init(unaudited: 1)) { try add(&$0) } == [])
        #expect(try kinds { $0.endpoints[0].requests.remove(at: 0) } == ["audit records without request"])
        #expect(try kinds(allowing: .init(unseen: 1)) { $0.endpoints[0].requests.remove(at: 0) } == [])
    }

    @Test func `attempts that are missing or twice in the audit`() throws {
        #expect(try kinds { $0.attempts[3].number = 3 }.contains("attempts are missing"))
        #expect(try kinds { $0.attempts[3].number = 1 }.contains("attempt twice in the audit"))
    }

    @Test func `an attempt that was made and recorded again counts as a repetition`() throws {
        func `repeat`(_ evidence: inout DeliveryEvidence) {
            evidence.endpoints[0].requests.append(evidence.endpoints[0].requests[0])
            evidence.attempts.append(evidence.attempts[0])
        }
        #expect(try kinds { `repeat`(&$0) } == ["attempts repeated"])
        #expect(try kinds(allowing: .init(duplicates: 1)) { `repeat`(&$0) } == [])
        #expect(try kinds { $0.attempts.append($0.attempts[0]) } == ["attempt twice in the audit"])
    }

    @Test func `a delivery that no 2xx ended`() throws {
        #expect(try kinds { $0.attempts[0].status = 302 } == ["delivered without 2xx"])
    }

    @Test func `requests with a wrong signature, none, other bytes, or of an unknown event`() throws {
        let event = try #require(EventID("evt_00000000000000000000000001"))
        #expect(
            try kinds { evidence in
                evidence.endpoints[0].requests[0] = request(
                    event, evidence.feed[0].envelope, "dlv_1", 1, secret: .generate())
            } == ["signature"])
        #expect(
            try kinds { evidence in
                evidence.endpoints[0].requests[0] = request(event, Array("{}".utf8), "dlv_1", 1)
            } == ["sent with other bytes than the feed's"])
        #expect(
            try kinds { evidence in
                let unknown = try #require(EventID("evt_00000000000000000000000009"))
                evidence.endpoints[0].requests[0] = request(unknown, evidence.feed[0].envelope, "dlv_1", 1)
            } == ["sent and not on the feed"])
        #expect(
            try kinds { evidence in
                let one = evidence.endpoints[0].requests[0]
                evidence.endpoints[0].requests[0] = ReceivedRequest(
                    connection: 0, indexOnConnection: 0, requestLine: one.requestLine,
                    headerLines: one.headerLines.filter { !$0.hasPrefix("webhook-signature") }, body: one.body)
            } == ["signature"])
    }

    @Test func `many findings of a kind are counted, not listed`() throws {
        var evidence = try history()
        for number in 0..<50 { evidence.acknowledged.append(.init(event: "evt_lost\(number)")) }
        let lines = DeliveryChecker.findings(evidence)
        #expect(lines.count == 4)
        #expect(lines.last == "acknowledged and not on the feed: 47 more")
    }

    @Test func `JSON is cut byte for byte`() {
        let text = #"{"data":[{"a":[1,2]},{"s":"],}\"\\"},3],"x":[]}"#
        let pieces = JSONSlices.elements(of: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
        #expect(pieces == [#"{"a":[1,2]}"#, #"{"s":"],}\"\\"}"#, "3"])
        #expect(JSONSlices.elements(of: Array(#"{"data":[]}"#.utf8)) == [])
    }
}
