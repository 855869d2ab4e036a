internal import Crypto
internal import Egress
internal import Endpoints
internal import EventModel
internal import Synchronization

/// Endpoints made ready for sending. Bounded: when there are too many, those that were used longest ago go first and are made
/// again when they are needed.
final class EndpointKeys: Sendable {
    typealias Failure = PreparedEndpoint.Failure

    private struct Entry {
        let version: Int64
        let prepared: PreparedEndpoint
        var lastUse: UInt64

        func isValid(_ version: Int64, at now: Timestamp) -> Bool {
            self.version == version && prepared.until.map { now < $0 } ?? true
        }
    }

    private struct State {
        var entries: [EndpointID: Entry] = [:]
        var uses: UInt64 = 0
    }

    private static let capacity = 10_000
    private let state = Mutex(State())
    private let secrets: SecretBox
    private let policy: AddressPolicy

    init(secrets: SecretBox, policy: AddressPolicy) {
        self.secrets = secrets
        self.policy = policy
    }

    func prepared(_ configuration: EndpointConfiguration, at now: Timestamp) throws(Failure) -> PreparedEndpoint {
        let known = state.withLock { state -> PreparedEndpoint? in
            guard let entry = state.entries[configuration.endpoint], entry.isValid(configuration.version, at: now)
            else { return nil }
            state.uses += 1
            state.entries[configuration.endpoint]?.lastUse = state.uses
            return entry.prepared
        }
        if let known { return known }
        let made = try PreparedEndpoint(
            PreparedEndpoint.Source(
                endpoint: configuration.endpoint, url: configuration.url, sealedSecrets: configuration.sealedSecrets,
                equipment: configuration.equipment), secrets: secrets, policy: policy, at: now)
        state.withLock { state in
            if state.entries.count >= Self.capacity { Self.forgetHalf(&state) }
            state.uses += 1
            state.entries[configuration.endpoint] = Entry(
                version: configuration.version, prepared: made, lastUse: state.uses)
        }
        return made
    }

    private static func forgetHalf(_ state: inout State) {
        let uses = state.entries.values.map(\.lastUse).sorted()
        let middle = uses[uses.count / 2]
        state.entries = state.entries.filter { $0.value.lastUse > middle }
    }
}
