internal import COpenSSL

/// SHA-256 (FIPS 180-4) in one go.
public enum SHA256 {
    public static func hash(_ bytes: Span<UInt8>) -> SHA256Digest {
        bytes.withUnsafeBytes { input in
            SHA256Digest { output in
                let done = EVP_Digest(
                    input.baseAddress, input.count, output.baseAddress, nil, Algorithms.shared.sha256, nil)
                precondition(done == 1, "OpenSSL refused a SHA-256: out of memory")
            }
        }
    }

    public static func hash(_ bytes: [UInt8]) -> SHA256Digest { hash(bytes.span) }
    public static func hash(_ text: String) -> SHA256Digest { hash(text.utf8.span) }
}

/// SHA-256 of bytes that come in pieces. After `finish` it starts anew, so an owner keeps one for all its hashes
/// (118 ns for 60 bytes against 148 ns in one go).
///
///     let hasher = SHA256Hasher()
///     hasher.update(head)
///     hasher.update(body)
///     let digest = hasher.finish()
public final class SHA256Hasher {
    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("OpenSSL has no memory for a hash") }
        self.context = context
        start()
    }

    deinit { EVP_MD_CTX_free(context) }

    private func start() {
        let done = EVP_DigestInit_ex2(context, Algorithms.shared.sha256, nil)
        precondition(done == 1, "OpenSSL refused to start a SHA-256: out of memory")
    }

    public func update(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { input in
            precondition(EVP_DigestUpdate(context, input.baseAddress, input.count) == 1, "SHA-256 refused bytes")
        }
    }

    public func update(_ bytes: [UInt8]) { update(bytes.span) }
    public func update(_ text: String) { update(text.utf8.span) }

    /// The digest of all bytes since the last `finish`; the next `update` belongs to a new message.
    public func finish() -> SHA256Digest {
        let digest = SHA256Digest { output in
            precondition(EVP_DigestFinal_ex(context, output.baseAddress, nil) == 1, "SHA-256 refused to finish")
        }
        start()
        return digest
    }
}
