internal import COpenSSL

/// OpenSSL's algorithm objects, fetched once: fetching by name at each use doubles the price of a short hash.
///
/// `@unchecked Sendable`: the objects are reference counted and immutable after the fetch, and OpenSSL documents their
/// use from several threads as safe; we never free them.
struct Algorithms: @unchecked Sendable {
    let sha256: OpaquePointer
    let hmac: OpaquePointer
    let aes256GCM: OpaquePointer
    let aes256CBC: OpaquePointer
    let sha1: OpaquePointer

    static let shared = Algorithms()

    private init() {
        guard let sha256 = EVP_MD_fetch(nil, "SHA256", nil), let hmac = EVP_MAC_fetch(nil, "HMAC", nil),
            let aes256GCM = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil),
            let aes256CBC = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil), let sha1 = EVP_MD_fetch(nil, "SHA1", nil)
        else {
            preconditionFailure(
                "OpenSSL was built or configured without SHA-1, SHA-256, HMAC, AES-256-GCM or AES-256-CBC")
        }
        self.sha256 = sha256
        self.hmac = hmac
        self.aes256GCM = aes256GCM
        self.aes256CBC = aes256CBC
        self.sha1 = sha1
    }
}
