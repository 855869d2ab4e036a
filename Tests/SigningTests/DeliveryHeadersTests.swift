import Crypto
import EventModel
import Signing
import Testing

@Suite struct DeliveryHeadersTests {
    private let secret = SigningSecret.generate()
    private let body = Array(#"{"v":1}"#.utf8)

    private func attempt(traceparent: String? = nil) throws -> DeliveryHeaders.Attempt {
        DeliveryHeaders.Attempt(
            event: EventID(Ulid(high: 1, low: 2)), type: try #require(EventType("run.completed")),
            delivery: DeliveryID(Ulid(high: 3, low: 4)), endpoint: EndpointID(Ulid(high: 5, low: 6)), number: 2,
            timestamp: 1_781_164_800, traceparent: traceparent)
    }

    private func block(_ headers: DeliveryHeaders, traceparent: String? = nil) throws -> [UInt8] {
        var block: [UInt8] = []
        headers.write(
            try attempt(traceparent: traceparent), body: body.span, signer: DeliverySigner(secret), to: &block)
        return block
    }

    @Test func `the lines are those of the contract, in their case`() throws {
        let attempt = try attempt()
        let signer = DeliverySigner(secret)
        let lines = String(
            decoding: try block(DeliveryHeaders(userAgent: "Fanfare/1"), traceparent: "00-1-2-01"), as: UTF8.self
        )
        .split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        #expect(
            lines == [
                "Content-Type: application/json", "traceparent: 00-1-2-01", "User-Agent: Fanfare/1",
                "webhook-id: \(attempt.event)",
                "webhook-signature: "
                    + signer.standardSignatures(id: attempt.event, timestamp: 1_781_164_800, body: body),
                "webhook-timestamp: 1781164800", "X-IC-Attempt: 2", "X-IC-Delivery-Id: \(attempt.delivery)",
                "X-IC-Event-Id: \(attempt.event)", "X-IC-Event-Type: run.completed",
                "X-IC-Signature: \(signer.headerSignature(timestamp: 1_781_164_800, body: body))",
                "X-IC-Webhook-Id: \(attempt.endpoint)",
            ])
    }

    @Test func `without a trace there is no line for it`() throws {
        let text = String(decoding: try block(DeliveryHeaders(userAgent: "Fanfare/1")), as: UTF8.self)
        #expect(!text.contains("traceparent"))
    }

    @Test(arguments: ["X-IC", "Acme", "A", "Webhook-X", "zz-top"])
    func `the audit's hash is over sorted lines, whatever the prefix`(prefix: String) throws {
        let block = try block(DeliveryHeaders(prefix: prefix, userAgent: "Fanfare/1"), traceparent: "00-1-2-01")
        let sorted = String(decoding: block, as: UTF8.self).split(separator: "\r\n").map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return line[..<colon].lowercased() + ":" + line[colon...].dropFirst(2) + "\n"
        }.sorted()
        #expect(DeliveryHeaders.digest(of: block.span) == SHA256.hash(sorted.joined()))
    }

    @Test(arguments: ["", "X IC", "X:IC", "X-IC\r\n", "é", "WebHook", String(repeating: "x", count: 33)])
    func `a prefix that is no header name is refused`(prefix: String) {
        #expect(throws: SigningError.self) { try DeliveryHeaders(prefix: prefix, userAgent: "Fanfare/1") }
    }
}
