public import Database
internal import EventCodec
public import EventModel

/// A change to what few webhooks have; nil leaves a piece as it is, `.some(nil)` takes it away.
public struct EquipmentChange: Sendable {
    public struct Headers: Sendable {
        /// A JSON object, sealed.
        public var sealed: String
        public var names: [String]

        public init(sealed: String, names: [String]) {
            self.sealed = sealed
            self.names = names
        }
    }

    public struct Identity: Sendable {
        /// Certificate and key, sealed.
        public var sealed: String
        public var subject: String
        /// Unix seconds.
        public var notAfter: Int64

        public init(sealed: String, subject: String, notAfter: Int64) {
            self.sealed = sealed
            self.subject = subject
            self.notAfter = notAfter
        }
    }

    public struct Authorities: Sendable {
        public var pem: String
        /// Unix seconds.
        public var notAfter: Int64

        public init(pem: String, notAfter: Int64) {
            self.pem = pem
            self.notAfter = notAfter
        }
    }

    public struct SigningKey: Sendable {
        /// The seed, sealed.
        public var sealed: String
        public var publicKey: String

        public init(sealed: String, publicKey: String) {
            self.sealed = sealed
            self.publicKey = publicKey
        }
    }

    public var headers: Headers??
    public var identity: Identity??
    public var authorities: Authorities??
    public var signingKey: SigningKey??
    /// Nothing is matched before the endpoint has answered a test.
    public var isToBeVerified: Bool?

    public init() {}

    public var isEmpty: Bool {
        headers == nil && identity == nil && authorities == nil && signingKey == nil && isToBeVerified == nil
    }

    /// As `equip_webhook_v1` takes it.
    var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            if let headers {
                json.member("headers", headers?.sealed)
                json.member("header_names", headers?.names ?? [])
            }
            if let identity {
                json.member("identity", identity?.sealed)
                json.member("identity_subject", identity?.subject)
                if let until = identity?.notAfter { json.member("identity_until", until) }
            }
            if let authorities {
                json.member("authorities", authorities?.pem)
                if let until = authorities?.notAfter { json.member("authorities_until", until) }
            }
            if let signingKey {
                json.member("signing_key", signingKey?.sealed)
                json.member("public_key", signingKey?.publicKey)
            }
            if let isToBeVerified { json.member("verify", isToBeVerified) }
        }
        return json.bytes
    }
}

extension WebhookStore {
    private static let makeEquipped = Statement(
        "webhook.create_equipped",
        """
        select \(WebhookRecord.columns(of: "w"))
        from fanfare.create_webhook_v2($1, $2, $3, $4, $5, $6, case when $7 then $8 end, $9, $10, $11, $12) made
        cross join lateral fanfare.equip_webhook_v1($2, made.id, $13::jsonb) w
        """)
    private static let updateEquipped = Statement(
        "webhook.update_equipped",
        """
        select \(WebhookRecord.columns(of: "w")) from fanfare.equip_webhook_v1($1, $2, $13::jsonb) e
        cross join lateral
            fanfare.update_webhook_v2($1, e.id, $3, $4, $5, $6, $7, case when $8 then $9 end, $10, $11, $12) w
        """)
    private static let equip = Statement(
        "webhook.equip", "select \(WebhookRecord.columns(of: "w")) from fanfare.equip_webhook_v1($1, $2, $3::jsonb) w")
    private static let verified = Statement(
        "webhook.verified", "select \(WebhookRecord.columns) from fanfare.verified_webhook_v1($1, $2, $3)")
    private static let equipment = Statement(
        "webhook.equipment",
        "select fanfare.webhook_equipment_v1(w) from fanfare.webhooks w where w.tenant_id = $1 and w.id = $2")

    /// Makes a webhook with what few have.
    ///
    /// - Returns: nil when there is no such tenant (any more).
    public func create(
        _ webhook: NewWebhook, _ equipment: EquipmentChange
    ) async throws(DatabaseError) -> WebhookRecord? {
        guard !equipment.isEmpty else { return try await create(webhook) }
        var parameters = Self.parameters(webhook)
        parameters.add(json: equipment.json)
        do throws(DatabaseError) {
            return WebhookRecord(try await database.execute(Self.makeEquipped, parameters), 0)
        } catch  where error.isMissingTenant {
            return nil
        }
    }

    /// - Returns: the webhook as it is now; nil when the tenant has no such one.
    public func update(
        _ id: EndpointID, tenant: TenantID, _ change: WebhookChange, _ equipment: EquipmentChange
    ) async throws(DatabaseError) -> WebhookRecord? {
        guard !equipment.isEmpty else { return try await update(id, tenant: tenant, change) }
        var parameters = Self.parameters(id, tenant, change)
        parameters.add(json: equipment.json)
        let rows = try await database.execute(Self.updateEquipped, parameters)
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }

    /// - Returns: the webhook as it is now; nil when the tenant has no such one.
    public func equip(
        _ id: EndpointID, tenant: TenantID, _ change: EquipmentChange
    ) async throws(DatabaseError) -> WebhookRecord? {
        let rows = try await database.execute(
            Self.equip,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
                $0.add(json: change.json)
            })
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }

    /// The endpoint at a URL has answered a test.
    ///
    /// - Returns: the webhook as it is now; nil when the tenant has no such one.
    public func verified(
        _ id: EndpointID, tenant: TenantID, url: String
    ) async throws(DatabaseError) -> WebhookRecord? {
        let rows = try await database.execute(
            Self.verified,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
                $0.add(url)
            })
        return rows.isEmpty ? nil : WebhookRecord(rows, 0)
    }

    /// What revisions carry of it, a JSON object; nil: nothing.
    public func equipment(of id: EndpointID, tenant: TenantID) async throws(DatabaseError) -> String? {
        let rows = try await database.execute(
            Self.equipment,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
            })
        return rows.isEmpty ? nil : rows.optionalText(0, 0)
    }
}
