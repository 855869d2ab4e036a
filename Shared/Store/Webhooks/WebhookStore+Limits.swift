public import Database
public import EventModel

/// What a tenant allows a webhook to be sent.
extension WebhookStore {
    private static let limit = Statement(
        "webhook.limit", "select \(WebhookRecord.columns) from fanfare.limit_webhook_v1($1, $2, $3, $4, $5)")

    /// Changes the limits that the change names.
    ///
    /// - Returns: the webhook as it is now; nil when the tenant has no such one.
    public func limit(
        _ id: EndpointID, tenant: TenantID, _ change: WebhookChange
    ) async throws(DatabaseError) -> WebhookRecord? {
        let rows = try await database.execute(
            Self.limit,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
                $0.add(texts: change.limitNames)
                $0.add(change.ratePerSecond ?? nil)
                $0.add((change.inFlight ?? nil).map { Int32(clamping: $0) })
            })
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }
}
