internal import COpenSSL
internal import Synchronization

/// A key prepared for HMAC-SHA256 (RFC 2104).
///
/// Preparing costs two blocks of SHA-256 and an allocation of 0.9 KB; a signature over 650 bytes then takes 0.6 µs
/// against 1.5 µs without. So whoever signs often with one key keeps this, in a cache of bounded size. Callers on several
/// threads take turns: the lock is held for one signature.
public final class HMACKey: Sendable {
    private let context: Mutex<Context>

    public init(_ key: Span<UInt8>) {
        self.context = Mutex(Context(key: key))
    }

    public convenience init(_ key: [UInt8]) {
        self.init(key.span)
    }

    /// The code of the message.
    public func authenticationCode(for message: Span<UInt8>) -> SHA256Digest {
        context.withLock { context in
            context.update(message)
            return context.finish()
        }
    }

    public func authenticationCode(for message: [UInt8]) -> SHA256Digest {
        authenticationCode(for: message.span)
    }

    /// The code of `head` and `body` one after the other, without copying them together.
    public func authenticationCode(for head: Span<UInt8>, _ body: Span<UInt8>) -> SHA256Digest {
        context.withLock { context in
            context.update(head)
            context.update(body)
            return context.finish()
        }
    }

    public func authenticationCode(for head: [UInt8], _ body: [UInt8]) -> SHA256Digest {
        authenticationCode(for: head.span, body.span)
    }

    /// Whether `code` is the message's, compared in constant time.
    public func isValid(_ code: SHA256Digest, for message: Span<UInt8>) -> Bool {
        authenticationCode(for: message).matches(code)
    }

    public func isValid(_ code: SHA256Digest, for message: [UInt8]) -> Bool {
        isValid(code, for: message.span)
    }

    /// One keyed context; owns its pointer, always ready for the next message.
    ///
    /// `@unchecked Sendable`: the pointer is private and the value cannot be copied, so whoever holds the value (the
    /// lock) is the only one to use it.
    private struct Context: ~Copyable, @unchecked Sendable {
        let pointer: OpaquePointer

        init(key: Span<UInt8>) {
            guard let pointer = EVP_MAC_CTX_new(Algorithms.shared.hmac) else {
                preconditionFailure("OpenSSL has no memory for a key")
            }
            self.pointer = pointer
            let done = key.withUnsafeBytes { key in
                // An empty key is legal, but a null pointer would mean "keep the key".
                withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { empty in
                    var digest = Array("SHA256".utf8CString)
                    return digest.withUnsafeMutableBufferPointer { digest in
                        let parameters = [
                            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.baseAddress, 0),
                            OSSL_PARAM_construct_end(),
                        ]
                        return EVP_MAC_init(
                            pointer, key.baseAddress ?? UnsafeRawPointer(empty.baseAddress), key.count, parameters)
                    }
                }
            }
            precondition(done == 1, "OpenSSL refused an HMAC key")
        }

        func update(_ bytes: Span<UInt8>) {
            bytes.withUnsafeBytes { input in
                precondition(EVP_MAC_update(pointer, input.baseAddress, input.count) == 1, "HMAC refused bytes")
            }
        }

        func finish() -> SHA256Digest {
            let digest = SHA256Digest { output in
                let done = EVP_MAC_final(pointer, output.baseAddress, nil, output.count)
                precondition(done == 1, "HMAC refused to finish")
            }
            precondition(EVP_MAC_init(pointer, nil, 0, nil) == 1, "HMAC refused to start anew")
            return digest
        }

        deinit { EVP_MAC_CTX_free(pointer) }
    }
}
