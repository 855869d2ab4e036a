internal import Database
public import EventModel

/// A tenant's integration with one sender: which channel it speaks, what it is verified with, and what its door allows.
public struct StoredIntegration: Sendable, Hashable {
    public var id: IntegrationID
    public var tenant: TenantID
    /// `github`, `lark`, …: as in its URL.
    public var channel: String
    public var name: String
    /// A JSON object, checked when it was stored.
    public var config: [UInt8]
    /// Newest first, at least one: the first is in force, the others are taken until their time is over.
    public var secrets: [SealedSecrets]
    /// An integration that is not active takes nothing.
    public var isActive: Bool
    /// Rises with every change of any integration.
    public var version: Int64
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    /// One set of an integration's secrets: a JSON object, sealed as a whole.
    public struct SealedSecrets: Sendable, Hashable {
        /// Names the set where its secrets may not be shown: `sec_` and 26 characters.
        public var id: String
        /// As `SecretBox` sealed it; the context is `integration:<id>`.
        public var sealed: String
        public var madeAt: Timestamp
        /// When it ends; nil for the one in force.
        public var until: Timestamp?

        public init(id: String, sealed: String, madeAt: Timestamp, until: Timestamp?) {
            self.id = id
            self.sealed = sealed
            self.madeAt = madeAt
            self.until = until
        }
    }

    public init(
        id: IntegrationID, tenant: TenantID, channel: String, name: String, config: [UInt8], secrets: [SealedSecrets],
        isActive: Bool, version: Int64, createdAt: Timestamp
    ) {
        self.id = id
        self.tenant = tenant
        self.channel = channel
        self.name = name
        self.config = config
        self.secrets = secrets
        self.isActive = isActive
        self.version = version
        self.createdAt = createdAt
        updatedAt = createdAt
    }

    /// What a sealed set is bound to: copied to another row it does not open.
    public static func secretContext(_ id: IntegrationID) -> String { "integration:\(id)" }

    /// The sets that a request may be verified with at `now`, newest first.
    public func secrets(at now: Timestamp) -> some Sequence<SealedSecrets> {
        secrets.lazy.filter { $0.until.map { now < $0 } ?? true }
    }
}

extension StoredIntegration {
    static let columns = """
        id, tenant_id, channel, name, config, is_active, secrets, secret_ids, secret_made, secret_until, version, \
        created_at, updated_at
        """

    /// - Parameter first: The column of `id`; the others follow.
    init(_ rows: Rows, _ row: Int, first: Int = 0) {
        id = rows.identifier(row, first)
        tenant = rows.tenant(row, first + 1)
        channel = rows.text(row, first + 2)
        name = rows.text(row, first + 3)
        config = Array(rows.text(row, first + 4).utf8)
        isActive = rows.bool(row, first + 5)
        let ids = rows.textArray(row, first + 7)
        let made = rows.timestampArray(row, first + 8)
        let until = rows.timestampArray(row, first + 9)
        // The table checks that they are as many.
        secrets = rows.textArray(row, first + 6).enumerated().map { place, sealed in
            SealedSecrets(
                id: ids[place], sealed: sealed, madeAt: made[place], until: place == 0 ? nil : until[place - 1])
        }
        version = rows.int64(row, first + 10)
        createdAt = rows.timestamp(row, first + 11)
        updatedAt = rows.timestamp(row, first + 12)
    }
}

/// An integration to be made.
public struct NewIntegration: Sendable {
    public var id: IntegrationID
    public var tenant: TenantID
    public var channel: String
    public var name: String
    /// A JSON object.
    public var config: [UInt8]
    /// One set, sealed for `StoredIntegration.secretContext`.
    public var sealedSecrets: String
    public var isActive: Bool

    public init(
        id: IntegrationID, tenant: TenantID, channel: String, name: String, config: [UInt8], sealedSecrets: String,
        isActive: Bool = true
    ) {
        self.id = id
        self.tenant = tenant
        self.channel = channel
        self.name = name
        self.config = config
        self.sealedSecrets = sealedSecrets
        self.isActive = isActive
    }
}

/// A change to some fields of an integration; nil leaves one as it is.
public struct IntegrationChange: Sendable {
    public var name: String?
    /// A JSON object.
    public var config: [UInt8]?
    /// Takes the place of all sets at once; `IntegrationStore.rotate` keeps the old one for a while.
    public var sealedSecrets: String?
    public var isActive: Bool?

    public init() {}
}
