internal import Database
public import EventModel
public import Signing

/// A webhook as it stands.
public struct WebhookRecord: Sendable, Hashable {
    public enum Status: String, Sendable, CaseIterable {
        case active, paused, pending, disabled
    }

    public var id: EndpointID
    public var tenant: TenantID
    /// In canonical form.
    public var url: String
    /// Patterns; empty: everything.
    public var events: [String]
    /// A condition on the envelope; nil: none.
    public var filter: String?
    public var status: Status
    /// Why it is disabled.
    public var statusReason: String?
    /// Seconds; nil: the installation's default.
    public var timeoutSeconds: Int32?
    /// Seconds to wait before each attempt; nil: the installation's default.
    public var schedule: [Int32]?
    public var description: String
    /// A JSON object.
    public var metadata: String
    /// Sealed, newest first; the context is `webhook:<id>`.
    public var sealedSecrets: [String]
    /// Beside `sealedSecrets`, in its order.
    public var secrets: [Secret]
    /// The id of the secret that keys our own header, where that is not the oldest one in force.
    public var promotedSecret: String?
    /// Names of header lines of its own.
    public var headerNames: [String]
    /// Of the certificate that we show its endpoint; nil: none.
    public var certificateSubject: String?
    public var certificateUntil: Timestamp?
    /// When the first of the CAs ends that its endpoint's certificate may come from; nil: the system's are trusted.
    public var authoritiesUntil: Timestamp?
    /// Of `v1a` signatures; nil: none are made.
    public var publicKey: String?
    /// Nothing is matched before its endpoint has answered a test.
    public var isToBeVerified: Bool
    /// What the tenant allows it to be sent.
    public var limits: EndpointLimits
    public var version: Int64
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    /// What may be shown of a secret.
    public struct Secret: Sendable, Hashable {
        /// `sec_` and 26 characters.
        public var id: String
        public var madeAt: Timestamp
        /// When it ends; nil for the newest.
        public var until: Timestamp?
    }

    /// When which of the secrets signs what.
    public var overlap: SecretOverlap {
        SecretOverlap(
            ends: secrets.dropFirst().map { $0.until ?? $0.madeAt },
            promoted: secrets.firstIndex { $0.id == promotedSecret })
    }

    /// What a sealed secret of a webhook is bound to: copied to another row it does not open.
    public static func secretContext(_ id: EndpointID) -> String { "webhook:\(id)" }
}

extension WebhookRecord {
    static let columns = """
        id, tenant_id, url, events, status, status_reason, timeout_s, schedule, description, metadata, secrets, version, \
        created_at, updated_at, filter, secret_ids, secret_made, secret_until, promoted, header_names, \
        identity_subject, identity_until, authorities_until, public_key, verify, rate_per_s, \
        max_in_flight
        """

    /// The columns of one of several tables.
    static func columns(of table: String) -> String {
        columns.split(separator: ", ").map { "\(table).\($0)" }.joined(separator: ", ")
    }

    init(_ rows: Rows, _ row: Int) {
        id = rows.identifier(row, 0)
        tenant = rows.tenant(row, 1)
        url = rows.text(row, 2)
        events = rows.textArray(row, 3)
        // Another status would be a later release's; it is one that we must not send to.
        status = Status(rawValue: rows.text(row, 4)) ?? .disabled
        statusReason = rows.optionalText(row, 5)
        timeoutSeconds = rows.optionalInt32(row, 6)
        schedule = rows.isNull(row, 7) ? nil : rows.int32Array(row, 7)
        description = rows.text(row, 8)
        metadata = rows.text(row, 9)
        sealedSecrets = rows.textArray(row, 10)
        version = rows.int64(row, 11)
        createdAt = rows.timestamp(row, 12)
        limits = EndpointLimits(
            ratePerSecond: rows.optionalDouble(row, 25), inFlight: rows.optionalInt32(row, 26).map(Int.init))
        updatedAt = rows.timestamp(row, 13)
        filter = rows.optionalText(row, 14)
        let made = rows.timestampArray(row, 16)
        let until = rows.timestampArray(row, 17)
        // The table sees to it that they are as many.
        secrets = rows.textArray(row, 15).enumerated().map { place, id in
            Secret(id: id, madeAt: made[place], until: place == 0 ? nil : until[place - 1])
        }
        promotedSecret = rows.optionalText(row, 18)
        headerNames = rows.textArray(row, 19)
        certificateSubject = rows.optionalText(row, 20)
        certificateUntil = rows.optionalTimestamp(row, 21)
        authoritiesUntil = rows.optionalTimestamp(row, 22)
        publicKey = rows.optionalText(row, 23)
        isToBeVerified = rows.bool(row, 24)
    }
}

/// A webhook to be made.
public struct NewWebhook: Sendable {
    public var id: EndpointID
    public var tenant: TenantID
    public var url: String
    public var events: [String]
    public var status: WebhookRecord.Status
    public var timeoutSeconds: Int32?
    public var schedule: [Int32]?
    public var description: String
    public var metadata: String
    public var sealedSecrets: [String]
    /// A condition on the envelope; nil: none.
    public var filter: String?

    public init(
        id: EndpointID, tenant: TenantID, url: String, events: [String], status: WebhookRecord.Status = .active,
        timeoutSeconds: Int32? = nil, schedule: [Int32]? = nil, description: String = "", metadata: String = "{}",
        sealedSecrets: [String], filter: String? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.url = url
        self.events = events
        self.status = status
        self.timeoutSeconds = timeoutSeconds
        self.schedule = schedule
        self.description = description
        self.metadata = metadata
        self.sealedSecrets = sealedSecrets
        self.filter = filter
    }
}

/// A change to some fields of a webhook; nil leaves one as it is, `.some(nil)` resets it to the default.
public struct WebhookChange: Sendable {
    public var isActive: Bool?
    public var url: String?
    public var events: [String]?
    public var timeoutSeconds: Int32??
    public var schedule: [Int32]??
    public var description: String?
    public var metadata: String?
    public var filter: String??
    public var ratePerSecond: Double??
    public var inFlight: Int??

    public init() {}

    /// The names of the limits that change: they have a statement of their own.
    public var limitNames: [String] {
        (ratePerSecond == nil ? [] : ["rate_per_s"]) + (inFlight == nil ? [] : ["max_in_flight"])
    }

    /// The names of the columns that change.
    var names: [String] {
        var names: [String] = []
        if isActive != nil { names.append("active") }
        if url != nil { names.append("url") }
        if events != nil { names.append("events") }
        if timeoutSeconds != nil { names.append("timeout_s") }
        if schedule != nil { names.append("schedule") }
        if description != nil { names.append("description") }
        if metadata != nil { names.append("metadata") }
        if filter != nil { names.append("filter") }
        return names
    }
}
