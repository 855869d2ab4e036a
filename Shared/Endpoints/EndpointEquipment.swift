internal import Crypto
internal import EventCodec
public import EventModel
public import Signing

/// What few endpoints have, as a webhook's revision carries it: a JSON object that is read when the first delivery needs it.
/// Whatever is secret in it is sealed.
public struct EndpointEquipment: Sendable {
    public var overlap = SecretOverlap()
    /// A JSON object of header lines, sealed.
    public var sealedHeaders: String?
    /// A JSON object with a client's `certificate` and `key` (PEM), sealed.
    public var sealedIdentity: String?
    /// When the client's certificate ends, unix seconds.
    public var identityUntil: Int64?
    /// The CAs that the endpoint's certificate may come from (PEM); nil: the system's.
    public var authorities: String?
    /// The seed of the key of `v1a` signatures, sealed.
    public var sealedSigningKey: String?

    public static let none = EndpointEquipment()

    private init() {}

    /// - Throws: where it is not what the store makes.
    public init(json: String) throws {
        let fields = try JSONFields(body: Array(json.utf8))
        let ends = try fields.optionalInts("until") ?? []
        overlap = SecretOverlap(
            ends: ends.map { Timestamp(microseconds: $0) }, promoted: try fields.optionalInt("promoted").map { Int($0) }
        )
        sealedHeaders = try fields.optionalString("headers")
        sealedIdentity = try fields.optionalString("identity")
        identityUntil = try fields.optionalInt("identity_until")
        authorities = try fields.optionalString("authorities")
        sealedSigningKey = try fields.optionalString("v1a")
    }

    /// What a sealed piece is bound to: copied to another row, or another place of it, it does not open.
    public enum Piece: String, Sendable {
        case secret = "webhook"
        case headers = "webhook-headers"
        case identity = "webhook-identity"
        case signingKey = "webhook-v1a"

        public func context(_ endpoint: EndpointID) -> String { "\(rawValue):\(endpoint)" }
    }
}
