internal import Crypto
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Signing
internal import Store

/// The secrets of a webhook: rotated with an overlap in which receivers change over, one after the other (design §8).
struct WebhookSecretRoutes: Sendable {
    let webhooks: WebhookStore
    let secrets: SecretBox
    let headerPrefix: String
    let clock: any WallClock

    /// How long the secrets before a new one stay in force, in seconds.
    private static let overlap: Int64 = 7 * 86_400
    private static let overlaps: ClosedRange<Int64> = 0...(30 * 86_400)
    /// Each of them costs a signature a delivery, and header bytes.
    private static let mostInForce = 4

    var routes: [APIRoute] {
        let path = "/v1/tenant/webhooks/{id}"
        return [
            APIRoute(.post, path + "/rotate", .tenant(.tenantAdmin), rotate),
            APIRoute(.post, path + "/promote", .tenant(.tenantAdmin), promote),
            APIRoute(.get, path + "/secrets", .tenant(.tenantAdmin), list),
        ]
    }

    private func rotate(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        try fields.refuseUnknown(["secret", "overlap_s"])
        let id: EndpointID = try call.identifier()
        let secret = try WebhookFields.secret(fields) ?? SigningSecret.generate()
        let overlap = try fields.optionalInt("overlap_s", in: Self.overlaps) ?? Self.overlap
        let now = clock.now()
        guard let old = try await webhooks.find(id, tenant: call.tenant) else { throw WebhookRoutes.missing }
        guard overlap == 0 || old.overlap.inForce(at: now).count < Self.mostInForce else {
            throw HTTPError(
                status: 409, code: "too_many_secrets",
                message: "\(Self.mostInForce) secrets are in force; wait for an end, or rotate with overlap_s 0")
        }
        let record = try await webhooks.rotate(
            id, tenant: call.tenant,
            sealedSecret: secrets.seal(secret.text, context: WebhookRecord.secretContext(id)),
            overlap: .seconds(overlap), now: now)
        guard let record else { throw WebhookRoutes.missing }
        return .object { json in
            json.member("id", record.id)
            write(record, at: now, to: &json)
            // Shown here and never again: it is kept sealed.
            json.member("secret", secret.text)
        }
    }

    private func promote(_ call: APICall) async throws -> Response {
        guard let record = try await webhooks.promote(try call.identifier(), tenant: call.tenant) else {
            throw WebhookRoutes.missing
        }
        return .object { json in
            json.member("id", record.id)
            write(record, at: clock.now(), to: &json)
        }
    }

    private func list(_ call: APICall) async throws -> Response {
        guard let record = try await webhooks.find(try call.identifier(), tenant: call.tenant) else {
            throw WebhookRoutes.missing
        }
        return .object { json in
            write(record, at: clock.now(), to: &json)
            json.member("next_cursor", String?.none)
            json.member("has_more", false)
        }
    }

    /// Ids, ages and states; never a value.
    private func write(_ record: WebhookRecord, at now: Timestamp, to json: inout JSONWriter) {
        let overlap = record.overlap
        let inForce = overlap.inForce(at: now)
        let header = overlap.headerPlace(at: now)
        json.member(
            "data",
            array: { json in
                for (place, secret) in record.secrets.enumerated() {
                    json.object { json in
                        json.member("id", secret.id)
                        json.member("created_at", secret.madeAt)
                        json.member("age_s", max(0, now.microseconds(since: secret.madeAt) / 1_000_000))
                        json.member("expires_at", secret.until)
                        json.member("state", place == 0 ? "current" : inForce.contains(place) ? "previous" : "expired")
                        json.member(
                            "signs",
                            array: { json in
                                if inForce.contains(place) { json.string("webhook-signature") }
                                if place == header { json.string("\(headerPrefix)-Signature") }
                            })
                    }
                }
            })
    }
}
