public import Addresses
public import EventCodec

/// The settings of an integration or trigger that concern its door (`contracts.md` §9). Anything unknown is refused, and
/// the error names the field.
///
///     let config = try InboundConfig(body.optionalFields("config"), kind: .channel(.github))
public struct InboundConfig: Sendable, Hashable {
    /// What GitHub and GitLab send at most, in bytes (docs.github.com: payloads are capped at 25 MB).
    public static let largestBody = 25 << 20
    /// Within ± this many seconds a signed timestamp is fresh, unless `tolerance_s` says otherwise.
    public static let defaultTolerance: Int64 = 300

    /// How a Gitee hook shows that it is one.
    public enum GiteeMode: String, CaseIterable, Hashable, Sendable {
        case signature, password
    }

    enum Scheme: String, CaseIterable, Hashable, Sendable {
        case vendor, combo
    }

    /// Seconds.
    public var tolerance = defaultTolerance
    /// Bytes.
    public var bodyLimit: Int
    /// Addresses that may send; empty: all.
    public var allowedSources: [AddressRange] = []
    /// Requests a second; nil: no limit.
    public var ratePerSecond: Double?
    /// The subject that a client certificate must have, as a trusted proxy tells it.
    public var clientCertificateSubject: String?
    /// Whether the platform's own scheme stands in for the vendor's.
    public var usesCombo = false

    var allowsSHA1 = false
    var requiresSignature = false
    var giteeMode = GiteeMode.signature
    /// Seconds; for senders that sign no timestamp.
    var maximumEventAge: Int64?
    var originURL: String?
    var signatureHeader = "X-Hub-Signature-256"
    var signaturePrefix = "sha256="
    var eventHeader = "X-GitHub-Event"
    var idHeader = "X-GitHub-Delivery"
    /// A JSON object to answer events with, for callbacks that want a card or a toast.
    var answer: [UInt8]?

    /// The defaults.
    public init(kind: InboundKind) {
        bodyLimit = kind.defaultBodyLimit
    }

    /// - Parameter fields: The `config` of a request or a row; nil for none.
    /// - Throws: `unknownField` or `invalidField`, with the path in `param`.
    public init(_ fields: JSONFields?, kind: InboundKind) throws(JSONFieldError) {
        self.init(kind: kind)
        guard let fields else { return }
        try fields.refuseUnknown(Self.names(of: kind))
        try readGuards(fields)
        tolerance = try fields.optionalInt("tolerance_s", in: 1...604_800) ?? tolerance
        usesCombo = try fields.optionalChoice("scheme", of: Scheme.self) == .combo
        switch kind {
        case .channel(.github): allowsSHA1 = try fields.optionalBool("allow_sha1") ?? false
        case .channel(.gitlab): requiresSignature = try fields.optionalBool("require_signature") ?? false
        case .channel(.gitee): giteeMode = try fields.optionalChoice("mode") ?? .signature
        case .channel(.gerrit):
            maximumEventAge = try fields.optionalInt("max_event_age_s", in: 1...31_536_000)
            originURL = try fields.optionalString("origin_url", length: 1...1_024)
        case .channel(.lark):
            if try fields.optionalFields("answer") != nil { answer = fields.value("answer")?.bytes }
        case .preset(.githubLike): try readHeaderNames(fields)
        default: break
        }
    }

    /// Reads a stored `config`.
    public init(json: [UInt8], kind: InboundKind) throws(JSONFieldError) {
        try self.init(JSONFields(body: json), kind: kind)
    }

    /// Every name that `config` may hold.
    public static func names(of kind: InboundKind) -> Set<String> {
        let common: Set = [
            "tolerance_s", "body_limit_bytes", "ip_allow", "rate_per_s", "client_cert_subject", "scheme",
        ]
        let own: Set<String> =
            switch kind {
            case .channel(.github): ["allow_sha1"]
            case .channel(.gitlab): ["require_signature"]
            case .channel(.gitee): ["mode"]
            case .channel(.gerrit): ["max_event_age_s", "origin_url"]
            case .channel(.lark): ["answer"]
            case .preset(.githubLike): ["signature_header", "signature_prefix", "event_header", "id_header"]
            default: []
            }
        return common.union(own)
    }

    private mutating func readGuards(_ fields: JSONFields) throws(JSONFieldError) {
        if let limit = try fields.optionalInt("body_limit_bytes", in: 1...Int64(Self.largestBody)) {
            bodyLimit = Int(limit)
        }
        for (index, text) in (try fields.optionalStrings("ip_allow", count: 0...256) ?? []).enumerated() {
            guard let range = AddressRange(text) else {
                throw fields.invalid("ip_allow[\(index)]", "is an address or a block such as 192.0.2.0/24")
            }
            allowedSources.append(range)
        }
        ratePerSecond = try fields.optionalDouble("rate_per_s", in: 0.001...1_000_000)
        clientCertificateSubject = try fields.optionalString("client_cert_subject", length: 1...1_024)
    }

    private mutating func readHeaderNames(_ fields: JSONFields) throws(JSONFieldError) {
        func header(_ name: String) throws(JSONFieldError) -> String? {
            guard let text = try fields.optionalString(name, length: 1...64) else { return nil }
            guard text.utf8.allSatisfy({ Self.isTokenCharacter($0) }) else {
                throw fields.invalid(name, "is a header's name")
            }
            return text
        }
        signatureHeader = try header("signature_header") ?? signatureHeader
        signaturePrefix = try fields.optionalString("signature_prefix", length: 0...32) ?? signaturePrefix
        eventHeader = try header("event_header") ?? eventHeader
        idHeader = try header("id_header") ?? idHeader
    }

    /// RFC 9110 §5.6.2, without the marks that no header's name has in practice.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F, 0x2E: true
        default: false
        }
    }
}
