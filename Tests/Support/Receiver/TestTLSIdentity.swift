internal import CTLS

/// What a TLS `TestReceiver` shows, as paths of PEM files.
public struct TestTLSIdentity: Sendable {
    public var certificateFile: String
    public var keyFile: String
    /// Demands a client certificate of this CA.
    public var clientCAFile: String?

    public init(certificateFile: String, keyFile: String, clientCAFile: String? = nil) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientCAFile = clientCAFile
    }
}

/// `@unchecked`: the context is complete after `init` and OpenSSL counts its references atomically; sessions are made
/// from it, nothing changes it.
final class TLSServerContext: @unchecked Sendable {
    private let context: OpaquePointer

    init(_ identity: TestTLSIdentity) throws {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw TestReceiverError(message: "no TLS context") }
        self.context = context
        guard SSL_CTX_use_certificate_chain_file(context, identity.certificateFile) == 1,
            SSL_CTX_use_PrivateKey_file(context, identity.keyFile, SSL_FILETYPE_PEM) == 1
        else { throw TestReceiverError(message: "cannot load \(identity.certificateFile)") }
        if let file = identity.clientCAFile {
            guard SSL_CTX_load_verify_locations(context, file, nil) == 1 else {
                throw TestReceiverError(message: "cannot load \(file)")
            }
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
            var id: UInt8 = 1
            SSL_CTX_set_session_id_context(context, &id, 1)
        }
    }

    deinit {
        SSL_CTX_free(context)
    }

    func makeSession() -> OpaquePointer? {
        SSL_new(context)
    }
}
