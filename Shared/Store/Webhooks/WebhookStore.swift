public import Database
public import EventModel

/// Webhooks of tenants. Each change that matters to matching or sending takes effect from a position of the feed, in the one
/// statement that makes it: an event that is stored after the answer is matched by it.
public struct WebhookStore: Sendable {
    let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let create = Statement(
        "webhook.create",
        """
        select \(WebhookRecord.columns)
        from fanfare.create_webhook_v2($1, $2, $3, $4, $5, $6, case when $7 then $8 end, $9, $10, $11, $12)
        """)
    private static let update = Statement(
        "webhook.update",
        """
        select \(WebhookRecord.columns)
        from fanfare.update_webhook_v2($1, $2, $3, $4, $5, $6, $7, case when $8 then $9 end, $10, $11, $12)
        """)
    private static let remove = Statement("webhook.delete", "select fanfare.delete_webhook_v1($1, $2)")
    private static let disable = Statement("webhook.disable", "select fanfare.disable_webhook_v1($1, $2)")
    private static let one = Statement(
        "webhook.one", "select \(WebhookRecord.columns) from fanfare.webhooks where tenant_id = $1 and id = $2")
    private static let list = Statement(
        "webhook.list",
        """
        select \(WebhookRecord.columns) from fanfare.webhooks where tenant_id = $1 and id > $2 order by id limit $3
        """)

    /// - Returns: nil when there is no such tenant (any more).
    public func create(_ webhook: NewWebhook) async throws(DatabaseError) -> WebhookRecord? {
        do throws(DatabaseError) {
            return WebhookRecord(try await database.execute(Self.create, Self.parameters(webhook)), 0)
        } catch  where error.isMissingTenant {
            return nil
        }
    }

    /// As the functions that make webhooks take it.
    static func parameters(_ webhook: NewWebhook) -> Parameters {
        Parameters {
            $0.add(webhook.id.description)
            $0.add(webhook.tenant.text)
            $0.add(webhook.url)
            $0.add(texts: webhook.events)
            $0.add(webhook.status.rawValue)
            $0.add(webhook.timeoutSeconds)
            $0.add(webhook.schedule != nil)
            $0.add(int32s: webhook.schedule ?? [])
            $0.add(webhook.description)
            $0.add(webhook.metadata)
            $0.add(texts: webhook.sealedSecrets)
            $0.add(webhook.filter)
        }
    }

    public func find(_ id: EndpointID, tenant: TenantID) async throws(DatabaseError) -> WebhookRecord? {
        let rows = try await database.execute(Self.one, Self.key(tenant, id))
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }

    /// In order of their making.
    public func list(
        tenant: TenantID, after: String?, limit: Int
    ) async throws(DatabaseError) -> Page<WebhookRecord> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(tenant.text)
                $0.add(after ?? "")
                $0.add(limit + 1)
            })
        return Page((0..<rows.count).map { WebhookRecord(rows, $0) }, limit: limit)
    }

    /// - Returns: the webhook as it is now; nil when the tenant has no such one.
    public func update(
        _ id: EndpointID, tenant: TenantID, _ change: WebhookChange
    ) async throws(DatabaseError) -> WebhookRecord? {
        let rows = try await database.execute(Self.update, Self.parameters(id, tenant, change))
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }

    /// As the functions that change webhooks take it.
    static func parameters(_ id: EndpointID, _ tenant: TenantID, _ change: WebhookChange) -> Parameters {
        var parameters = Self.key(tenant, id)
        parameters.add(texts: change.names)
        parameters.add(change.isActive)
        parameters.add(change.url)
        parameters.add(texts: change.events ?? [])
        parameters.add(change.timeoutSeconds ?? nil)
        parameters.add((change.schedule ?? nil) != nil)
        parameters.add(int32s: (change.schedule ?? nil) ?? [])
        parameters.add(change.description)
        parameters.add(change.metadata)
        parameters.add(change.filter ?? nil)
        return parameters
    }

    /// - Returns: false when the tenant has no such webhook.
    public func delete(_ id: EndpointID, tenant: TenantID) async throws(DatabaseError) -> Bool {
        try await database.execute(Self.remove, Self.key(tenant, id)).bool(0, 0)
    }

    /// Ends an active webhook for a reason that its endpoint gave: a 410, or failing for too long.
    ///
    /// - Returns: false when it was not active.
    public func disable(_ id: EndpointID, reason: String) async throws(DatabaseError) -> Bool {
        let rows = try await database.execute(
            Self.disable,
            Parameters {
                $0.add(id.description)
                $0.add(reason)
            })
        return rows.bool(0, 0)
    }

    private static func key(_ tenant: TenantID, _ id: EndpointID) -> Parameters {
        Parameters {
            $0.add(tenant.text)
            $0.add(id.description)
        }
    }
}
