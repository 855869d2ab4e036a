internal import Backbone
internal import Crypto
internal import Egress
internal import Endpoints
internal import EventModel
internal import ServiceKit
internal import Signing

/// Makes the POST of an attempt: headers, signatures over the exact bytes, and the hashes that the audit keeps.
struct PostMaker: Sendable {
    let headers: DeliveryHeaders
    let keys: EndpointKeys
    /// Where the endpoint does not say.
    let standardTimeout: Duration

    /// A POST that is ready to go, and its audit record so far.
    struct Post: Sendable {
        let exchange: Exchange
        var audit: AttemptRecord
    }

    /// - Throws: `EndpointKeys.Failure` where nothing can be sent.
    func post(_ attempt: PendingAttempt, at now: Timestamp) throws(EndpointKeys.Failure) -> Post {
        let record = attempt.record
        let prepared = try keys.prepared(attempt.configuration, at: now)
        guard let type = EventType(record.type) else {
            preconditionFailure("the feed holds checked event types only")
        }
        var lines: [UInt8] = []
        lines.reserveCapacity(DeliveryHeaders.usualByteCount)
        headers.write(
            DeliveryHeaders.Attempt(
                event: record.event, type: type, delivery: record.delivery, endpoint: record.endpoint,
                number: record.attempt, timestamp: now.seconds,
                traceparent: Self.traceparent(record.event, attempt.token)),
            body: record.envelope.span, signer: prepared.signer, to: &lines)
        var audit = AttemptRecord(record, startedAt: now, verdict: .retrying)
        if prepared.headers.isEmpty {
            audit.headersSHA256 = DeliveryHeaders.digest(of: lines.span).bytes
        } else {
            lines.append(contentsOf: [0x0D, 0x0A])
            lines.append(contentsOf: prepared.headers.bytes)
            audit.headersSHA256 = DeliveryHeaders.digest(unsorted: lines).bytes
        }
        audit.payloadSHA256 = SHA256.hash(record.envelope).bytes
        DeliveryHeaders.dropUserAgent(from: &lines)
        let timeout = attempt.configuration.timeout ?? standardTimeout
        var exchange = Exchange(
            token: attempt.token, target: prepared.target, headers: HeaderBlock(lines: lines), body: record.envelope,
            timeoutMilliseconds: Int32(clamping: Int64(timeout / .milliseconds(1))), tls: prepared.tls)
        exchange.claim = Exchange.Claim(part: record.handle.lane, epoch: record.handle.epoch)
        return Post(exchange: exchange, audit: audit)
    }

    /// The product that the sender is told to call itself.
    static let product = "Fanfare/\(BuildInfo.version)"
    /// What it writes then: see `RequestHead` in Egress.
    static let userAgent = product + " HTTP/1.1"

    /// W3C trace context: the trace is the event (every attempt and delivery of it), the parent is this attempt.
    private static func traceparent(_ event: EventID, _ token: UInt64) -> String {
        var bytes: [UInt8] = Array("00-".utf8)
        Self.appendHex(event.ulid.high, to: &bytes)
        Self.appendHex(event.ulid.low, to: &bytes)
        bytes.append(0x2D)
        Self.appendHex(token | 1 << 63, to: &bytes)
        bytes.append(contentsOf: "-00".utf8)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func appendHex(_ value: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(value >> UInt64(shift) & 15)
            bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}
