internal import Crypto
internal import Encodings

/// The keys in force, prepared. Empty when none is configured: then nothing verifies.
struct KeySet: Sendable {
    private let keys: [HMACKey]

    /// - Parameter secrets: Each text's UTF-8 is a key. An empty one is left out: everybody has it.
    init(utf8 secrets: [String]) {
        keys = secrets.filter { !$0.isEmpty }.map { HMACKey(Array($0.utf8)) }
    }

    /// - Parameter secrets: Base64, with or without `whsec_`.
    init(base64 secrets: [String]) {
        keys = secrets.compactMap(StandardKey.decode).filter { !$0.isEmpty }.map { HMACKey($0) }
    }

    var isEmpty: Bool { keys.isEmpty }

    /// Whether one of `digests` is one key's code of `head` and `body` together.
    func accept(_ digests: [SHA256Digest], head: [UInt8] = [], body: [UInt8]) -> Bool {
        guard !digests.isEmpty else { return false }
        for key in keys {
            let code = key.authenticationCode(for: head, body)
            for digest in digests where code.matches(digest) { return true }
        }
        return false
    }

    func accept(_ digest: SHA256Digest?, head: [UInt8] = [], body: [UInt8]) -> Bool {
        accept(digest.map { [$0] } ?? [], head: head, body: body)
    }
}

extension SHA256Digest {
    /// The digest in a base64 text of 44 characters; nil for anything else.
    init?(base64 text: String) {
        guard let bytes = Base64.decode(text) else { return nil }
        self.init(bytes)
    }

    /// The digest in hex digits; nil for anything else.
    init?(hexBytes text: ArraySlice<UInt8>) {
        guard text.count == 2 * SHA256Digest.byteCount else { return nil }
        self.init(hex: String(decoding: text, as: UTF8.self))
    }

    var base64: String { Base64.encode(bytes) }

    var hex: String {
        var text: [UInt8] = []
        appendHex(to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

/// Secrets that are compared as they are.
enum PlainSecret {
    /// Whether `given` is one of `secrets`; every one is compared, each in time that depends on lengths only.
    static func isAmong(_ given: [UInt8], _ secrets: [String]) -> Bool {
        var isKnown = false
        for secret in secrets where !secret.isEmpty {
            if ConstantTime.areEqual(given.span, secret.utf8.span) { isKnown = true }
        }
        return isKnown
    }
}
