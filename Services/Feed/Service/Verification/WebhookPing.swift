internal import Crypto
internal import Egress
internal import Endpoints
internal import EventCodec
internal import EventModel
internal import Signing
internal import Store

/// What came of asking an endpoint whether it wants to be one.
struct PingResult: Sendable {
    var status: Int?
    /// Nil for a 2xx.
    var errorClass: String?
    /// Microseconds.
    var total: Int64 = 0
    var responseHead: [UInt8] = []

    var isSuccess: Bool { errorClass == nil }
}

/// Sends a signed `webhook.test` to an endpoint that nothing is matched for yet: from here and not by the lanes, because it is
/// not on the feed.
struct WebhookPing: Sendable {
    let webhooks: WebhookStore
    let audit: PingAuditStore
    let secrets: SecretBox
    let policy: AddressPolicy
    let headers: DeliveryHeaders
    let defaults: DeliveryDefaults
    let clock: any WallClock
    /// Makes the request.
    let send: @Sendable (Exchange) async -> ExchangeResult

    /// One ping. A 2xx activates a webhook that waits for it.
    ///
    /// - Returns: the webhook as it is then; nil when the tenant has no such one.
    func ping(_ webhook: WebhookRecord) async throws -> (record: WebhookRecord?, result: PingResult) {
        let now = clock.now()
        let event = TestEvent.make(for: webhook, at: now, isVerification: true)
        let result = try await post(event, webhook, at: now)
        try await audit.record(
            PingAudit(
                webhook: webhook, event: event.id,
                delivery: DeliveryID(event: event.id, endpoint: webhook.id, cause: .test), startedAt: now,
                total: result.total, status: result.status, errorClass: result.errorClass,
                responseHead: result.responseHead))
        guard result.isSuccess else { return (try await webhooks.find(webhook.id, tenant: webhook.tenant), result) }
        return (try await webhooks.verified(webhook.id, tenant: webhook.tenant, url: webhook.url), result)
    }

    private func post(_ event: NewEvent, _ webhook: WebhookRecord, at now: Timestamp) async throws -> PingResult {
        let source = PreparedEndpoint.Source(
            endpoint: webhook.id, url: webhook.url, sealedSecrets: webhook.sealedSecrets,
            equipment: try await webhooks.equipment(of: webhook.id, tenant: webhook.tenant))
        let prepared: PreparedEndpoint
        do throws(PreparedEndpoint.Failure) {
            prepared = try PreparedEndpoint(source, secrets: secrets, policy: policy, at: now)
        } catch {
            return PingResult(errorClass: error.rawValue)
        }
        guard let type = EventType(event.type) else { preconditionFailure("the type is a constant") }
        var lines: [UInt8] = []
        headers.write(
            DeliveryHeaders.Attempt(
                event: event.id, type: type, delivery: DeliveryID(event: event.id, endpoint: webhook.id, cause: .test),
                endpoint: webhook.id, number: 1, timestamp: now.seconds),
            body: event.envelope.span, signer: prepared.signer, to: &lines)
        DeliveryHeaders.dropUserAgent(from: &lines)
        var block = HeaderBlock(lines: lines)
        block.append(contentsOf: prepared.headers)
        let timeout = webhook.timeoutSeconds.map { Int($0) } ?? defaults.timeout
        let answer = await send(
            Exchange(
                token: 0, target: prepared.target, headers: block, body: event.envelope,
                timeoutMilliseconds: Int32(clamping: timeout * 1_000), tls: prepared.tls))
        return PingResult(answer)
    }
}

extension PingResult {
    fileprivate init(_ answer: ExchangeResult) {
        status = answer.status
        total = answer.timings.total
        let isForbidden = answer.failure == .refusedByPolicy
        responseHead = isForbidden ? [] : answer.responseHead
        // A 2xx status line that was read decides, as it does for deliveries.
        if let status, (200..<300).contains(status) { return }
        errorClass = answer.failure?.rawValue ?? status.map { "http_\($0 / 100)xx" } ?? "protocol"
    }
}
