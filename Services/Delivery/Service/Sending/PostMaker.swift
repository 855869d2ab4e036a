internal import Backbone
internal import Crypto
internal import Egress
internal import Endpoints
internal import EventModel
internal import ServiceKit
internal import Signing
internal import Tracing

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
        /// The attempt's span, and what it is part of.
        let trace: EventTrace
        let parent: UInt64
    }

    /// - Throws: `EndpointKeys.Failure` where nothing can be sent.
    func post(_ attempt: PendingAttempt, at now: Timestamp) throws(EndpointKeys.Failure) -> Post {
        let record = attempt.record
        let prepared = try keys.prepared(attempt.configuration, at: now)
        guard let type = EventType(record.type) else {
            preconditionFailure("the feed holds checked event types only")
        }
        let trace = trace(of: attempt)
        var lines: [UInt8] = []
        lines.reserveCapacity(DeliveryHeaders.usualByteCount)
        headers.write(
            DeliveryHeaders.Attempt(
                event: record.event, type: type, delivery: record.delivery, endpoint: record.endpoint,
                number: record.attempt, timestamp: now.seconds,
                traceparent: trace.traceparent),
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
        return Post(exchange: exchange, audit: audit, trace: trace, parent: record.trace?.span ?? 0)
    }

    /// The product that the sender is told to call itself.
    static let product = "Fanfare/\(BuildInfo.version)"
    /// What it writes then: see `RequestHead` in Egress.
    static let userAgent = product + " HTTP/1.1"

    /// Sets attempts of different processes apart, whose tokens are the same.
    private let salt = UInt64.random(in: 0...UInt64.max)

    /// The event's trace, or one that is the event (every attempt and delivery of it); the span is this attempt.
    private func trace(of attempt: PendingAttempt) -> EventTrace {
        let span = max(1, salt ^ attempt.token)
        guard var trace = attempt.record.trace else { return EventTrace(of: attempt.record.event, span: span) }
        trace.span = span
        return trace
    }
}
