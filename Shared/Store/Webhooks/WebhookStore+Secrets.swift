public import Database
public import EventModel

extension WebhookStore {
    private static let rotation = Statement(
        "webhook.rotate",
        "select \(WebhookRecord.columns) from fanfare.rotate_webhook_v1($1, $2, $3, $4, $5, $6)")
    private static let promotion = Statement(
        "webhook.promote", "select \(WebhookRecord.columns) from fanfare.promote_webhook_v1($1, $2)")

    /// Puts a new secret in force. Those before it are in force until `now + overlap`, if they do not end earlier; without an
    /// overlap they end at once.
    ///
    /// - Returns: the webhook as it is now; nil when the tenant has no such one.
    public func rotate(
        _ id: EndpointID, tenant: TenantID, sealedSecret: String, overlap: Duration, now: Timestamp
    ) async throws(DatabaseError) -> WebhookRecord? {
        let length = Int64(overlap / .microseconds(1))
        let rows = try await database.execute(
            Self.rotation,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
                $0.add("sec_\(Ulid.random(at: now))")
                $0.add(sealedSecret)
                $0.add(now)
                $0.add(length > 0 ? now.adding(microseconds: length) : nil)
            })
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }

    /// Lets the newest secret key our own header too, before the overlap is over.
    ///
    /// - Returns: the webhook as it is now; nil when the tenant has no such one.
    public func promote(_ id: EndpointID, tenant: TenantID) async throws(DatabaseError) -> WebhookRecord? {
        let rows = try await database.execute(
            Self.promotion,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
            })
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }
}
