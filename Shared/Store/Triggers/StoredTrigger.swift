internal import Database
public import EventModel

/// A trigger as it stands. What its door is verified with is an integration: see `TriggerStore.door`.
public struct StoredTrigger: Sendable, Hashable {
    public var id: TriggerID
    public var tenant: TenantID
    public var name: String
    /// A JSON object without secrets, checked when it was stored.
    public var document: [UInt8]
    public var isActive: Bool
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
}

extension StoredTrigger {
    static let columns = "id, tenant_id, name, document, is_active, created_at, updated_at"

    init(_ rows: Rows, _ row: Int) {
        id = rows.identifier(row, 0)
        tenant = rows.tenant(row, 1)
        name = rows.text(row, 2)
        document = Array(rows.text(row, 3).utf8)
        isActive = rows.bool(row, 4)
        createdAt = rows.timestamp(row, 5)
        updatedAt = rows.timestamp(row, 6)
    }
}

/// A trigger to be made, or all of what it is to be from now on.
public struct TriggerContent: Sendable {
    public var name: String
    /// A JSON object without secrets.
    public var document: [UInt8]
    public var isActive: Bool
    /// Nil for a trigger without a URL.
    public var door: Door?

    public struct Door: Sendable {
        public var preset: String
        /// A JSON object.
        public var config: [UInt8]
        /// One set, sealed for `StoredIntegration.secretContext`; nil leaves what is there.
        public var sealedSecrets: String?

        public init(preset: String, config: [UInt8], sealedSecrets: String?) {
            self.preset = preset
            self.config = config
            self.sealedSecrets = sealedSecrets
        }
    }

    public init(name: String, document: [UInt8], isActive: Bool, door: Door?) {
        self.name = name
        self.document = document
        self.isActive = isActive
        self.door = door
    }
}

/// A trigger as it was in force from `fromPos` on, until its next revision.
public struct TriggerRevision: Sendable, Hashable {
    public var version: Int64
    public var trigger: TriggerID
    public var tenant: TenantID
    /// Nil: it answers nothing.
    public var document: [UInt8]?
    public var fromPos: Int64
    /// Nil: in force when it was read.
    public var toPos: Int64?

    public init(
        version: Int64, trigger: TriggerID, tenant: TenantID, document: [UInt8]?, fromPos: Int64, toPos: Int64?
    ) {
        self.version = version
        self.trigger = trigger
        self.tenant = tenant
        self.document = document
        self.fromPos = fromPos
        self.toPos = toPos
    }
}
