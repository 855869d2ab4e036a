internal import Crypto
internal import Egress
internal import EventModel
internal import Signing
internal import Synchronization

/// Endpoints made ready for sending: URL parsed, secrets opened, keys prepared. Bounded: when there are too many, those
/// that were used longest ago go first and are made again when they are needed.
final class EndpointKeys: Sendable {
    /// Why an endpoint cannot be sent to; the raw value is the audit's error class.
    enum Failure: String, Error {
        /// The URL is not allowed (any more).
        case refusedByPolicy = "refused_by_policy"
        /// Its secret cannot be opened with the master keys at hand: ours to mend, the delivery is retried.
        case sealedSecret = "secret_unavailable"
    }

    struct Prepared: Sendable {
        let version: Int64
        let target: TargetURL
        let signer: DeliverySigner
        /// A secret ends then: what was prepared is made again.
        let until: Timestamp?

        func isValid(at now: Timestamp) -> Bool { until.map { now < $0 } ?? true }
    }

    private struct Entry {
        var prepared: Prepared
        var lastUse: UInt64
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

    func prepared(_ configuration: EndpointConfiguration, at now: Timestamp) throws(Failure) -> Prepared {
        let known = state.withLock { state -> Prepared? in
            guard let entry = state.entries[configuration.endpoint], entry.prepared.version == configuration.version,
                entry.prepared.isValid(at: now)
            else { return nil }
            state.uses += 1
            state.entries[configuration.endpoint]?.lastUse = state.uses
            return entry.prepared
        }
        if let known { return known }
        let made = try make(configuration, at: now)
        state.withLock { state in
            if state.entries.count >= Self.capacity { Self.forgetHalf(&state) }
            state.uses += 1
            state.entries[configuration.endpoint] = Entry(prepared: made, lastUse: state.uses)
        }
        return made
    }

    private static func forgetHalf(_ state: inout State) {
        let uses = state.entries.values.map(\.lastUse).sorted()
        let middle = uses[uses.count / 2]
        state.entries = state.entries.filter { $0.value.lastUse > middle }
    }

    private func make(_ configuration: EndpointConfiguration, at now: Timestamp) throws(Failure) -> Prepared {
        let target: TargetURL
        do {
            target = try TargetURL(configuration.url, policy: policy)
        } catch {
            throw .refusedByPolicy
        }
        do {
            let equipment = try configuration.equipment.map { try EndpointEquipment(json: $0) } ?? .none
            let overlap = equipment.overlap
            let sealed = configuration.sealedSecrets
            let places = overlap.inForce(at: now).filter { $0 < sealed.count }
            let opened = try places.map { try secret(sealed[$0], configuration) }
            guard let newest = opened.first else { throw Failure.sealedSecret }
            let header = places.firstIndex(of: overlap.headerPlace(at: now)).map { opened[$0] } ?? newest
            return Prepared(
                version: configuration.version, target: target,
                signer: DeliverySigner(headerSecret: header, secrets: opened), until: overlap.nextEnd(after: now))
        } catch {
            throw .sealedSecret
        }
    }

    private func secret(_ sealed: String, _ configuration: EndpointConfiguration) throws -> SigningSecret {
        let bytes = try secrets.open(sealed, context: configuration.secretContext)
        return try SigningSecret(String(decoding: bytes, as: UTF8.self))
    }
}
