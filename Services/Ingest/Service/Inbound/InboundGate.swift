internal import Addresses
public import EventModel
internal import HTTPServer
internal import Inbound
public import Observability

/// What all doors for other people's webhooks share: who may come in, how often, and what is written of it.
public final class InboundGate: Sendable {
    private let trust: ProxyTrust
    private let clock: any WallClock
    private let audit: InboundAudit
    private let rates = RateLimits<String>()
    let instruments: InboundInstruments

    public init(trust: ProxyTrust, clock: any WallClock, audit: InboundAudit, metrics: MetricsRegistry) {
        self.trust = trust
        self.clock = clock
        self.audit = audit
        instruments = InboundInstruments(metrics)
    }

    /// A refusal: what the sender hears, and what the audit says.
    struct Refusal: Error {
        let error: HTTPError
        let reason: String
        var age: Int64?
    }

    /// Judges a request by its head, before its body is read.
    func check(_ head: RequestHead, _ lookup: InboundLookup) -> Refusal? {
        let endpoint: InboundEndpoint
        switch lookup {
        case .none: return Refusal(error: .notFound("there is no such door"), reason: "unknown_door")
        case .unreadable: return Refusal(error: Unavailable.secrets, reason: "secrets_unreadable")
        case .found(let found): endpoint = found
        }
        let methods = Self.methods(of: endpoint.kind)
        guard methods.contains(head.method) else {
            return Refusal(error: .methodNotAllowed(allowed: methods), reason: "method")
        }
        if let refusal = checkOrigin(head, endpoint.config) { return refusal }
        return head.method == .get ? nil : checkBody(head, endpoint)
    }

    static func methods(of kind: InboundKind) -> [HTTPMethod] {
        kind == .channel(.wecom) ? [.get, .post] : [.post]
    }

    private func checkOrigin(_ head: RequestHead, _ config: InboundConfig) -> Refusal? {
        if !config.allowedSources.isEmpty {
            guard let source = trust.source(of: head), config.allowedSources.contains(where: { $0.contains(source) })
            else {
                return Refusal(error: .forbidden("requests from this address are not taken"), reason: "address")
            }
        }
        if let subject = config.clientCertificateSubject, trust.certificateSubject(of: head) != subject {
            return Refusal(error: .forbidden("a client certificate is needed"), reason: "client_certificate")
        }
        return nil
    }

    private func checkBody(_ head: RequestHead, _ endpoint: InboundEndpoint) -> Refusal? {
        let types = endpoint.kind.mediaTypes
        if !types.isEmpty, let type = head.headers.bytes("Content-Type"), !type.isEmpty,
            !types.contains(where: { MediaName.isEqual(type, $0) })
        {
            let names = types.map { "\($0)" }
            return Refusal(
                error: .unsupportedMediaType(
                    "the body must be \(names.joined(separator: " or "))",
                    headers: [HTTPField("Accept-Post", names.joined(separator: ", "))]), reason: "media_type")
        }
        if let coding = head.headers["Content-Encoding"], coding.lowercased() != "identity" {
            return Refusal(
                error: .unsupportedMediaType("compressed bodies are not taken"), reason: "compressed")
        }
        if let length = head.contentLength, length > endpoint.config.bodyLimit {
            return Refusal(error: .payloadTooLarge(limit: endpoint.config.bodyLimit), reason: "too_large")
        }
        return nil
    }

    /// What the audit calls a refusal by the HTTP server itself.
    static func reason(status: Int) -> String {
        switch status {
        case 408: "too_slow"
        case 413: "too_large"
        case 415: "compressed"
        case 503: "overloaded"
        default: "malformed_request"
        }
    }

    /// Verifies a whole request.
    func open(_ request: Request, _ endpoint: InboundEndpoint) throws(Refusal) -> InboundOutcome {
        let started = ContinuousClock.now
        let query: [(name: String, value: String)]
        do {
            query = try request.head.query.pairs
        } catch {
            throw Refusal(error: error, reason: "malformed_query")
        }
        let now = clock.now()
        let outcome: InboundOutcome
        do {
            outcome = try endpoint.verifier.open(
                InboundRequest(
                    method: request.method == .get ? .get : .post, headers: request.headers, query: query,
                    body: request.body), now: now)
        } catch {
            throw Self.refusal(error, endpoint.kind)
        }
        instruments.verified(took: ContinuousClock.now - started)
        // Only who is authentic uses the allowance up: a flood of others must not lock the sender out.
        if case .event = outcome, let rate = endpoint.config.ratePerSecond,
            let wait = rates.take(endpoint.id, rate: rate, at: now)
        {
            throw Refusal(
                error: .tooManyRequests(retryAfterSeconds: wait, "this door takes \(rate) requests a second"),
                reason: "rate")
        }
        return outcome
    }

    /// Where failures could tell something of keys, all of them sound the same.
    private static func refusal(_ refusal: InboundRefusal, _ kind: InboundKind) -> Refusal {
        var headers: [HTTPField] = []
        if kind == .channel(.gerrit) { headers = [HTTPField("WWW-Authenticate", #"Basic realm="webhook""#)] }
        let error =
            kind.hidesFailures
            ? HTTPError(status: 401, code: "unauthorized", message: "the request could not be verified")
            : refusal.status == 401
                ? HTTPError(
                    status: 401, code: refusal.reason.rawValue, message: "the request could not be verified",
                    headers: headers)
                : HTTPError(
                    status: refusal.status, code: refusal.reason.rawValue,
                    message: "the body is not what this sender sends")
        return Refusal(error: error, reason: refusal.reason.rawValue, age: refusal.age)
    }

    // MARK: Audit

    /// What is known of a request when its answer is known.
    struct Entry: Sendable {
        let source: IPAddress?
        var record: InboundRecord

        /// Wall clock, microseconds, when the request line was there.
        let receivedAt: Int64
        /// The sender's place in a trace.
        let traceparent: String?
    }

    func entry(_ head: RequestHead, _ lookup: InboundLookup, channel: String, body: [UInt8]?) -> Entry {
        let source = trust.source(of: head)
        var record = InboundRecord(
            tenant: nil, channel: channel, integration: nil, startedAt: clock.now(), total: 0, status: 0,
            verdict: .refused)
        switch lookup {
        case .found(let endpoint): (record.tenant, record.integration) = (endpoint.tenant, endpoint.id)
        case .unreadable(let id, let tenant): (record.tenant, record.integration) = (tenant, id)
        case .none: break
        }
        record.headersSHA256 = HeaderDigest.of(head.headers)
        record.payloadSHA256 = body.map { HeaderDigest.of(body: $0) }
        record.sourceIP = source?.description
        return Entry(
            source: source, record: record, receivedAt: head.receivedAtWallClock,
            traceparent: head.headers["traceparent"])
    }

    /// Ends a request that brings no event.
    func finish(_ entry: Entry, _ verdict: InboundRecord.Verdict, status: Int, reason: String? = nil, age: Int64? = nil)
    {
        var record = Self.record(entry, verdict, status: status)
        record.reason = reason ?? record.reason
        record.age = age ?? record.age
        instruments.count(record.channel, verdict)
        audit.add(record, source: entry.source)
    }

    /// The entry's record with what has come of the request so far.
    static func record(_ entry: Entry, _ verdict: InboundRecord.Verdict, status: Int) -> InboundRecord {
        var record = entry.record
        record.verdict = verdict
        record.status = status
        if entry.receivedAt > 0 {
            record.total = max(0, SystemClock().now().microseconds - entry.receivedAt)
        }
        return record
    }
}
