internal import COpenSSL

/// What may be shown of a certificate.
public struct CertificateFacts: Sendable, Hashable {
    /// As RFC 2253 writes it.
    public var subject: String
    /// The time it ends, unix seconds.
    public var notAfter: Int64
    /// Of its DER form.
    public var sha256: [UInt8]
}

/// Certificates and keys as people paste them (PEM), checked and written anew: what goes to the TLS library is what was looked at.
public enum PEM {
    /// More is no chain of certificates.
    public static let mostBytes = 64 * 1024
    private static let mostCertificates = 32

    /// Reads every certificate of a text.
    ///
    /// - Returns: Their facts in order, and the same certificates without anything between them.
    /// - Throws: `malformed` when there is none, or what is there is broken.
    public static func certificates(_ text: [UInt8]) throws(CryptoError) -> (facts: [CertificateFacts], pem: [UInt8]) {
        let chain = try read(text)
        let output = Memory()
        var facts: [CertificateFacts] = []
        for certificate in chain.all {
            facts.append(try describe(certificate))
            PEM_write_bio_X509(output.bio, certificate)
        }
        return (facts, output.bytes)
    }

    /// Reads a private key without a password.
    ///
    /// - Parameter certificate: The certificate (the first of a text) that it must belong to.
    /// - Returns: The key, as PKCS #8.
    /// - Throws: `malformed` for what is no key or is encrypted, `invalidKey` when it belongs to another certificate.
    public static func key(_ text: [UInt8], for certificate: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { ERR_clear_error() }
        let chain = try read(certificate)
        let input = Memory(text)
        // Without a callback OpenSSL would ask the terminal for a password.
        guard let key = PEM_read_bio_PrivateKey(input.bio, nil, { _, _, _, _ in -1 }, nil) else {
            throw CryptoError(.malformed, "the key is no PEM private key without a password")
        }
        defer { EVP_PKEY_free(key) }
        guard let leaf = chain.all.first, X509_check_private_key(leaf, key) == 1 else {
            throw CryptoError(.invalidKey, "the key does not belong to the certificate")
        }
        let output = Memory()
        guard PEM_write_bio_PKCS8PrivateKey(output.bio, key, nil, nil, 0, nil, nil) == 1 else {
            throw CryptoError(.malformed, "the key cannot be written")
        }
        return output.bytes
    }

    // MARK: -

    private final class Chain {
        var all: [OpaquePointer] = []
        deinit { for certificate in all { X509_free(certificate) } }
    }

    /// A memory BIO.
    private final class Memory {
        let bio: OpaquePointer

        init(_ bytes: [UInt8] = []) {
            guard let bio = BIO_new(BIO_s_mem()) else { preconditionFailure("OpenSSL has no memory for a text") }
            self.bio = bio
            if !bytes.isEmpty { BIO_write(bio, bytes, Int32(bytes.count)) }
        }

        deinit { BIO_free(bio) }

        var bytes: [UInt8] {
            var found = [UInt8](repeating: 0, count: Int(BIO_ctrl_pending(bio)))
            let count = BIO_read(bio, &found, Int32(found.count))
            return Array(found.prefix(Int(max(0, count))))
        }
    }

    private static func read(_ text: [UInt8]) throws(CryptoError) -> Chain {
        defer { ERR_clear_error() }
        guard text.count <= mostBytes else {
            throw CryptoError(.malformed, "a PEM text has at most \(mostBytes) bytes")
        }
        let input = Memory(text)
        let chain = Chain()
        ERR_clear_error()
        while let certificate = PEM_read_bio_X509(input.bio, nil, { _, _, _, _ in -1 }, nil) {
            chain.all.append(certificate)
            guard chain.all.count <= mostCertificates else {
                throw CryptoError(.malformed, "at most \(mostCertificates) certificates")
            }
        }
        // The end of the text is reported as the lack of another one; anything else is a broken one.
        let reason = openssl_error_reason(ERR_peek_last_error())
        guard !chain.all.isEmpty, reason == PEM_R_NO_START_LINE else {
            throw CryptoError(.malformed, "there is no whole PEM certificate")
        }
        return chain
    }

    private static func describe(_ certificate: OpaquePointer) throws(CryptoError) -> CertificateFacts {
        let name = Memory()
        X509_NAME_print_ex(name.bio, X509_get_subject_name(certificate), 0, openssl_name_flags())
        var days: Int32 = 0
        var seconds: Int32 = 0
        let epoch = ASN1_TIME_set(nil, 0)
        defer { ASN1_TIME_free(epoch) }
        guard ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(certificate)) == 1 else {
            throw CryptoError(.malformed, "a certificate's end is no time")
        }
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 32
        guard X509_digest(certificate, Algorithms.shared.sha256, &digest, &count) == 1 else {
            throw CryptoError(.malformed, "a certificate cannot be hashed")
        }
        return CertificateFacts(
            subject: String(decoding: name.bytes, as: UTF8.self), notAfter: Int64(days) * 86_400 + Int64(seconds),
            sha256: digest)
    }
}
