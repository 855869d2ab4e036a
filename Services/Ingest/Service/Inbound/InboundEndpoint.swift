public import EventModel
public import HTTPServer
public import Inbound

/// Whom a request at a door is for: an integration or a trigger, ready to verify.
public final class InboundEndpoint: Sendable {
    /// `int_…` or `trg_…`.
    public let id: String
    public let tenant: TenantID
    public let kind: InboundKind
    public let config: InboundConfig
    let verifier: InboundVerifier
    /// When one of its secrets ends, and the verifier with it; nil: never.
    let validUntil: Timestamp?

    public init(
        id: String, tenant: TenantID, kind: InboundKind, config: InboundConfig, secrets: [InboundSecrets],
        validUntil: Timestamp? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.kind = kind
        self.config = config
        self.validUntil = validUntil
        verifier = InboundVerifier(kind: kind, config: config, secrets: secrets)
    }
}

/// Who is behind the path of a request.
public enum InboundLookup: Sendable {
    case found(InboundEndpoint)
    case none
    /// There is one, and its settings or secrets cannot be read: our fault.
    case unreadable(id: String, tenant: TenantID)
}

/// What a door asks whom a request is for: a snapshot in memory.
public protocol InboundEndpoints: Sendable {
    func find(_ parameters: PathParameters, now: Timestamp) -> InboundLookup
}

/// A cache of bounded size: what was not asked for during a whole generation goes.
struct TwoGenerations<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let capacity: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    /// - Parameter capacity: Entries of one generation; at most twice as many are kept.
    init(capacity: Int) {
        self.capacity = capacity
    }

    mutating func value(_ key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        insert(value, key)
        return value
    }

    mutating func insert(_ value: Value, _ key: Key) {
        if young.count >= capacity {
            old = young
            young = [:]
        }
        young[key] = value
    }

    mutating func remove(_ key: Key) {
        young[key] = nil
        old[key] = nil
    }
}
