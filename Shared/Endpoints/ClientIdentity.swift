internal import Crypto
public import EventCodec

/// The certificate and key that we show an endpoint; checked when they are given to us.
public struct ClientIdentity: Sendable {
    /// PEM, the leaf first.
    public let certificate: [UInt8]
    /// PEM, PKCS #8.
    public let key: [UInt8]

    /// As it was kept.
    init(json: [UInt8]) throws {
        let fields = try JSONFields(body: json)
        certificate = Array(try fields.string("certificate").utf8)
        key = Array(try fields.string("key").utf8)
    }

    /// What may be shown of the certificate, and what is kept, sealed.
    public struct Checked: Sendable {
        public let subject: String
        /// Unix seconds.
        public let notAfter: Int64
        /// A JSON object.
        public let json: [UInt8]
    }

    /// - Parameter now: Unix seconds.
    /// - Throws: where they are no PEM, do not belong together, or the certificate's time is over; `param` names the field.
    public static func check(_ fields: JSONFields, now: Int64) throws(JSONFieldError) -> Checked {
        try fields.refuseUnknown(["certificate", "key"])
        let (given, givenKey) = (try fields.string("certificate"), try fields.string("key"))
        let chain = try pem("certificate", fields) { () throws(CryptoError) in try PEM.certificates(Array(given.utf8)) }
        guard let leaf = chain.facts.first, leaf.notAfter > now else {
            throw fields.invalid("certificate", "is over: its time has ended")
        }
        let key = try pem("key", fields) { () throws(CryptoError) in
            try PEM.key(Array(givenKey.utf8), for: chain.pem)
        }
        var json = JSONWriter()
        json.object { json in
            json.member("certificate", String(decoding: chain.pem, as: UTF8.self))
            json.member("key", String(decoding: key, as: UTF8.self))
        }
        return Checked(subject: leaf.subject, notAfter: leaf.notAfter, json: json.bytes)
    }

    /// The CAs that an endpoint's certificate may come from.
    ///
    /// - Returns: their text, and when the first of them ends (unix seconds).
    /// - Throws: where there is no certificate, or all are over.
    public static func authorities(
        _ text: String, now: Int64
    ) throws(JSONFieldError) -> (pem: String, notAfter: Int64) {
        do throws(CryptoError) {
            let chain = try PEM.certificates(Array(text.utf8))
            guard let first = chain.facts.map(\.notAfter).min(), chain.facts.contains(where: { $0.notAfter > now })
            else {
                throw CryptoError(.malformed, "its time has ended")
            }
            return (String(decoding: chain.pem, as: UTF8.self), first)
        } catch {
            throw JSONFieldError(
                .invalidField, "ca_bundle is PEM certificates that are in force: \(error.message)", param: "ca_bundle")
        }
    }

    /// When each of the CAs of a bundle ends, unix seconds; nothing for what is no bundle.
    public static func authorityEnds(_ text: String) -> [Int64] {
        (try? PEM.certificates(Array(text.utf8)))?.facts.map(\.notAfter) ?? []
    }

    private static func pem<Value>(
        _ name: String, _ fields: JSONFields, _ read: () throws(CryptoError) -> Value
    ) throws(JSONFieldError) -> Value {
        do throws(CryptoError) {
            return try read()
        } catch {
            throw fields.invalid(name, "is refused: \(error.message)")
        }
    }
}
