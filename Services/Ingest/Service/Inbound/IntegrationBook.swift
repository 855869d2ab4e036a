public import Crypto
public import EventModel
public import Inbound
public import Observability
public import Store
internal import Synchronization

/// All integrations of the installation in memory, as they are stored: small, since a hundred thousand of them must fit.
/// Those that are asked for are opened and kept ready; that cache is bounded.
///
///     let follower = IntegrationFollower(store: store, logger: logger) { book.apply($0.changed, ended: $0.ended) }
public final class IntegrationBook: Sendable {
    /// How one is kept: what a request needs, and nothing that only its owner reads.
    private final class Entry: Sendable {
        struct Sealed: Sendable {
            let text: String
            let until: Timestamp?
        }

        let tenant: TenantID
        let kind: InboundKind
        let config: [UInt8]
        let secrets: [Sealed]
        let isActive: Bool

        init(_ stored: StoredIntegration, _ kind: InboundKind, _ tenant: TenantID, _ config: [UInt8]) {
            self.tenant = tenant
            self.kind = kind
            self.config = config
            secrets = stored.secrets.map { Sealed(text: $0.sealed, until: $0.until) }
            isActive = stored.isActive
        }
    }

    private struct Owner: Hashable {
        let tenant: TenantID
        let channel: InboundChannel
    }

    private struct State {
        var entries: [IntegrationID: Entry] = [:]
        /// Active ones by channel, for the path without an id. Only products ask by tenant, and there are few of those.
        var active: [InboundChannel: Set<IntegrationID>] = [:]
        var products: [Owner: Set<IntegrationID>] = [:]
        /// Each text once: most tenants have several integrations, most settings are `{}`.
        var tenants: [String: TenantID] = [:]
        var configs: [[UInt8]: [UInt8]] = [:]
        var ready = TwoGenerations<IntegrationID, InboundEndpoint>(capacity: readyCapacity)
    }

    private static let readyCapacity = 2_048
    /// Settings that are shared between entries; beyond that each has its own.
    private static let sharedConfigs = 1_000

    private let box: SecretBox?
    private let log: LimitedLogger
    private let state = Mutex(State())

    /// - Parameter box: Opens secrets; nil where the process has no master key: then nothing can be verified.
    public init(box: SecretBox?, metrics: MetricsRegistry, logger: Logger) {
        self.box = box
        log = logger.limited()
        metrics.observedGauge("fanfare_inbound_integrations", "Integrations in memory.") { [weak self] in
            Double(self?.count ?? 0)
        }
    }

    public var count: Int { state.withLock { $0.entries.count } }

    /// Takes changes in order of version; one may come twice.
    public func apply(_ changed: [StoredIntegration], ended: [IntegrationID] = []) {
        state.withLock { state in
            for id in ended { Self.remove(id, &state) }
            for stored in changed {
                Self.remove(stored.id, &state)
                // A channel that a later release knows is no door of ours.
                guard let kind = Self.kind(stored.channel) else { continue }
                Self.insert(stored, kind, &state)
            }
        }
    }

    /// A vendor's channel, or the preset of a trigger's door.
    private static func kind(_ channel: String) -> InboundKind? {
        if let channel = InboundChannel(rawValue: channel) { return .channel(channel) }
        guard channel.hasPrefix(TriggerStore.channelPrefix) else { return nil }
        return InboundPreset(rawValue: String(channel.dropFirst(TriggerStore.channelPrefix.count))).map { .preset($0) }
    }

    private static func insert(_ stored: StoredIntegration, _ kind: InboundKind, _ state: inout State) {
        let tenant = state.tenants[stored.tenant.text] ?? stored.tenant
        state.tenants[tenant.text] = tenant
        var config = stored.config
        if let shared = state.configs[config] {
            config = shared
        } else if state.configs.count < sharedConfigs {
            state.configs[config] = config
        }
        let entry = Entry(stored, kind, tenant, config)
        state.entries[stored.id] = entry
        guard entry.isActive, case .channel(let channel) = kind else { return }
        state.active[channel, default: []].insert(stored.id)
        if isProduct(channel) {
            state.products[Owner(tenant: tenant, channel: channel), default: []].insert(stored.id)
        }
    }

    private static func remove(_ id: IntegrationID, _ state: inout State) {
        state.ready.remove(id)
        guard let old = state.entries.removeValue(forKey: id) else { return }
        guard case .channel(let channel) = old.kind else { return }
        state.active[channel]?.remove(id)
        guard isProduct(channel) else { return }
        let owner = Owner(tenant: old.tenant, channel: channel)
        state.products[owner]?.remove(id)
        if state.products[owner]?.isEmpty == true { state.products[owner] = nil }
    }

    private static func isProduct(_ channel: InboundChannel) -> Bool { channel == .agentgate || channel == .formbridge }

    // MARK: Asking

    /// The active integration of that id and channel.
    public func find(_ id: IntegrationID, channel: InboundChannel, now: Timestamp) -> InboundLookup {
        find(id, now: now) { $0 == .channel(channel) }
    }

    /// The active trigger of that id that has a URL.
    public func find(_ trigger: TriggerID, now: Timestamp) -> InboundLookup {
        find(TriggerStore.door(of: trigger), now: now) { if case .preset = $0 { true } else { false } }
    }

    private func find(_ id: IntegrationID, now: Timestamp, isWanted: (InboundKind) -> Bool) -> InboundLookup {
        let (ready, entry) = state.withLock { state -> (InboundEndpoint?, Entry?) in
            if let ready = state.ready.value(id), ready.validUntil.map({ now < $0 }) ?? true { return (ready, nil) }
            return (nil, state.entries[id])
        }
        if let ready { return isWanted(ready.kind) ? .found(ready) : .none }
        guard let entry, entry.isActive, isWanted(entry.kind) else { return .none }
        return open(id, entry, now: now)
    }

    /// The installation's only active integration of a channel; nil where there is none or several.
    public func only(_ channel: InboundChannel) -> IntegrationID? {
        state.withLock { state in
            guard let ids = state.active[channel], ids.count == 1 else { return nil }
            return ids.first
        }
    }

    /// A tenant's active integrations with AgentGate or FormBridge, oldest first.
    public func products(of tenant: TenantID, _ channel: InboundChannel, now: Timestamp) -> [InboundLookup] {
        let ids = state.withLock { $0.products[Owner(tenant: tenant, channel: channel)] ?? [] }
        return ids.sorted().map { find($0, channel: channel, now: now) }
    }

    private func open(_ id: IntegrationID, _ entry: Entry, now: Timestamp) -> InboundLookup {
        let kind = entry.kind
        let name = Self.name(id, kind)
        let live = entry.secrets.filter { $0.until.map { now < $0 } ?? true }
        do {
            guard let box else { throw CryptoError(.unknownKey, "this process has no master key") }
            let config = try InboundConfig(json: entry.config, kind: kind)
            let secrets = try live.map { sealed in
                let json = try box.open(sealed.text, context: StoredIntegration.secretContext(id))
                return try InboundSecrets(json: json, kind: kind)
            }
            let endpoint = InboundEndpoint(
                id: name, tenant: entry.tenant, kind: kind, config: config, secrets: secrets,
                validUntil: live.compactMap(\.until).min())
            state.withLock { state in
                // It may have changed meanwhile.
                if state.entries[id] === entry { state.ready.insert(endpoint, id) }
            }
            return .found(endpoint)
        } catch {
            log.error("integration-unreadable", ["integration": .string(name), "reason": .describing(error)])
            return .unreadable(id: name, tenant: entry.tenant)
        }
    }

    /// `int_…`, or `trg_…` for a trigger's door.
    private static func name(_ id: IntegrationID, _ kind: InboundKind) -> String {
        if case .preset = kind { TriggerID(id.ulid).description } else { id.description }
    }
}
