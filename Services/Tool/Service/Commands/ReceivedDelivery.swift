internal import EventModel
internal import Signing

/// A delivery as its receiver sees it.
struct ReceivedDelivery: Sendable {
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    init(headers: [(name: String, value: String)], body: [UInt8]) {
        self.headers = headers
        self.body = body
    }

    /// - Parameter lines: `Name: value`, CR LF between them.
    init(lines: String, body: [UInt8]) {
        headers = lines.split(separator: "\r\n").map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count == 2 ? String(parts[1].drop { $0 == " " }) : "")
        }
        self.body = body
    }

    /// - Parameter name: in any case.
    subscript(name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// Checks both signatures, as two kinds of receivers do.
    func verify(_ secret: SigningSecret, now: Timestamp = SystemClock().now()) throws(SigningError) {
        let verifier = DeliveryVerifier(secrets: [secret])
        try verifier.verify(header: self["X-IC-Signature"] ?? "", body: body, now: now)
        try verifier.verify(
            id: self["webhook-id"] ?? "", timestamp: self["webhook-timestamp"] ?? "",
            signature: self["webhook-signature"] ?? "", body: body, now: now)
    }

    /// In words.
    func verdict(_ secret: SigningSecret) -> String {
        do throws(SigningError) {
            try verify(secret)
            return "verified: X-IC-Signature and webhook-signature fit"
        } catch {
            return "NOT verified: \(error.message)"
        }
    }
}
