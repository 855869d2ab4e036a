public import Crypto
public import Egress
internal import EventCodec
public import EventModel
public import Signing

/// An endpoint made ready for sending: its URL parsed, its secrets opened, its keys prepared.
public struct PreparedEndpoint: Sendable {
    /// Why an endpoint cannot be sent to; the raw value is the audit's error class.
    public enum Failure: String, Error {
        /// The URL is not allowed (any more).
        case refusedByPolicy = "refused_by_policy"
        /// A secret cannot be opened with the master keys at hand: ours to mend, the delivery is retried.
        case sealedSecret = "secret_unavailable"
    }

    /// What it is made from.
    public struct Source: Sendable {
        public var endpoint: EndpointID
        public var url: String
        /// As `SecretBox` sealed them, newest first.
        public var sealedSecrets: [String]
        /// `EndpointEquipment` as JSON; nil for nearly all.
        public var equipment: String?

        public init(endpoint: EndpointID, url: String, sealedSecrets: [String], equipment: String?) {
            self.endpoint = endpoint
            self.url = url
            self.sealedSecrets = sealedSecrets
            self.equipment = equipment
        }
    }

    public let target: TargetURL
    public let signer: DeliverySigner
    /// Header lines of the endpoint's own; empty for nearly all.
    public let headers: HeaderBlock
    /// Who we are to it and whom we trust, where that is not what it is to all.
    public let tls: TLSOptions?
    /// A secret ends then: it has to be prepared again.
    public let until: Timestamp?

    public init(
        _ source: Source, secrets: SecretBox, policy: AddressPolicy, at now: Timestamp
    ) throws(Failure) {
        do {
            target = try TargetURL(source.url, policy: policy)
        } catch {
            throw .refusedByPolicy
        }
        do {
            let equipment = try source.equipment.map { try EndpointEquipment(json: $0) } ?? .none
            let endpoint = source.endpoint
            signer = try Self.signer(source, equipment, secrets, at: now)
            until = equipment.overlap.nextEnd(after: now)
            headers =
                try equipment.sealedHeaders.map {
                    try CustomHeaders(
                        json: secrets.open($0, context: EndpointEquipment.Piece.headers.context(endpoint))
                    )
                    .block
                } ?? HeaderBlock()
            let identity = try equipment.sealedIdentity.map {
                try ClientIdentity(json: secrets.open($0, context: EndpointEquipment.Piece.identity.context(endpoint)))
            }
            tls =
                identity == nil && equipment.authorities == nil
                ? nil
                : TLSOptions(
                    identity: identity.map { TLSOptions.Identity(certificate: $0.certificate, key: $0.key) },
                    authorities: Array((equipment.authorities ?? "").utf8))
        } catch {
            throw .sealedSecret
        }
    }

    private static func signer(
        _ source: Source, _ equipment: EndpointEquipment, _ secrets: SecretBox, at now: Timestamp
    ) throws -> DeliverySigner {
        let overlap = equipment.overlap
        let places = overlap.inForce(at: now).filter { $0 < source.sealedSecrets.count }
        let opened = try places.map { place in
            let bytes = try secrets.open(
                source.sealedSecrets[place], context: EndpointEquipment.Piece.secret.context(source.endpoint))
            return try SigningSecret(String(decoding: bytes, as: UTF8.self))
        }
        guard let newest = opened.first else { throw Failure.sealedSecret }
        let header = places.firstIndex(of: overlap.headerPlace(at: now)).map { opened[$0] } ?? newest
        let seed = try equipment.sealedSigningKey.map {
            try secrets.open($0, context: EndpointEquipment.Piece.signingKey.context(source.endpoint))
        }
        return try DeliverySigner(headerSecret: header, secrets: opened, asymmetricSeed: seed)
    }
}
