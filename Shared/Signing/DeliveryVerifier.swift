internal import Crypto
internal import Encodings
public import EventModel

/// Checks deliveries as a receiver does: for the tool's listener, and as the model for receivers in Swift.
public struct DeliveryVerifier: Sendable {
    /// How far the signed time may lie from the clock, to both sides (`contracts.md` §9).
    public static let tolerance: Int64 = 300

    private let headerKeys: [HMACKey]
    private let standardKeys: [HMACKey]
    /// Seconds.
    private let tolerance: Int64

    /// - Parameter secrets: All that may have signed.
    public init(secrets: [SigningSecret], tolerance: Int64 = DeliveryVerifier.tolerance) {
        self.headerKeys = secrets.map { HMACKey(Array($0.text.utf8)) }
        self.standardKeys = secrets.map { HMACKey($0.standardKey) }
        self.tolerance = tolerance
    }

    /// Checks the value of `X-IC-Signature`.
    /// - Throws: `malformedHeader`, `staleTimestamp` or `wrongSignature`.
    public func verify(header value: String, body: [UInt8], now: Timestamp) throws(SigningError) {
        var timestamp: String?
        var signatures: [SHA256Digest] = []
        for part in value.split(separator: ",", omittingEmptySubsequences: false) {
            if part.hasPrefix("t="), timestamp == nil {
                timestamp = String(part.dropFirst(2))
            } else if part.hasPrefix("v1=") {
                // A signature that is no signature cannot fit; another one may.
                if let digest = SHA256Digest(hex: String(part.dropFirst(3))) { signatures.append(digest) }
            }
        }
        guard let timestamp, value.contains("v1=") else {
            throw SigningError(.malformedHeader, "the header is t=<unix seconds>,v1=<hex>")
        }
        try check(timestamp: timestamp, now: now)
        try check(signatures, headerKeys, message: Array("\(timestamp).".utf8), body: body)
    }

    /// Checks the three headers of Standard Webhooks. Signatures of other versions (`v1a`) are passed over.
    /// - Throws: `malformedHeader`, `staleTimestamp` or `wrongSignature`.
    public func verify(
        id: String, timestamp: String, signature value: String, body: [UInt8], now: Timestamp
    ) throws(SigningError) {
        guard !id.isEmpty, !id.contains(".") else { throw SigningError(.malformedHeader, "webhook-id is not an id") }
        try check(timestamp: timestamp, now: now)
        let signatures = value.split(separator: " ").compactMap { part -> SHA256Digest? in
            guard part.hasPrefix("v1,"), let bytes = Base64.decode(String(part.dropFirst(3))) else { return nil }
            return SHA256Digest(bytes)
        }
        try check(signatures, standardKeys, message: Array("\(id).\(timestamp).".utf8), body: body)
    }

    private func check(timestamp: String, now: Timestamp) throws(SigningError) {
        // Digits only: `Int64` would read a sign too, and the text is signed as it stands.
        guard (1...15).contains(timestamp.utf8.count), timestamp.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let seconds = Int64(timestamp)
        else { throw SigningError(.malformedHeader, "a timestamp is unix seconds in digits") }
        guard abs(seconds - now.seconds) <= tolerance else {
            throw SigningError(.staleTimestamp, "the timestamp is more than \(tolerance) s from this clock")
        }
    }

    private func check(
        _ signatures: [SHA256Digest], _ keys: [HMACKey], message: [UInt8], body: [UInt8]
    ) throws(SigningError) {
        for key in keys {
            let expected = key.authenticationCode(for: message, body)
            if signatures.contains(where: { $0.matches(expected) }) { return }
        }
        throw SigningError(.wrongSignature, "no signature fits")
    }
}
