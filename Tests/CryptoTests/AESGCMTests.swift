import Crypto
import Encodings
import Testing

@Suite struct AESGCMTests {
    /// Test cases 13–16 of the GCM specification (McGrew and Viega).
    static let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    static let nonce = "cafebabefacedbaddecaf888"
    static let plain =
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
        + "ba637b39"
    static let context = "feedfacedeadbeeffeedfacedeadbeefabaddad2"

    private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }

    @Test func `the specification's cases hold`() throws {
        let zero = Array<UInt8>(repeating: 0, count: 32)
        #expect(
            try Hex.encode(AESGCM.seal([], key: zero, nonce: Array(repeating: 0, count: 12)))
                == "530f8afbc74536b9a963b4f1c4cb738b")
        #expect(
            try Hex.encode(
                AESGCM.seal(
                    bytes(Self.plain), key: bytes(Self.key), nonce: bytes(Self.nonce),
                    authenticating: bytes(Self.context)))
                == "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
                + "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b")
    }

    @Test func `what was sealed opens, and nothing else does`() throws {
        let (key, nonce) = (try bytes(Self.key), try bytes(Self.nonce))
        let sealed = try AESGCM.seal([1, 2, 3], key: key, nonce: nonce, authenticating: [9])
        #expect(try AESGCM.open(sealed, key: key, nonce: nonce, authenticating: [9]) == [1, 2, 3])
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: CryptoError(.notAuthentic, "")) {
                try AESGCM.open(changed, key: key, nonce: nonce, authenticating: [9])
            }
        }
        #expect(throws: CryptoError(.notAuthentic, "")) { try AESGCM.open(sealed, key: key, nonce: nonce) }
        #expect(throws: CryptoError(.notAuthentic, "")) {
            try AESGCM.open(sealed.dropLast(), key: key, nonce: nonce, authenticating: [9])
        }
        #expect(throws: CryptoError(.malformed, "")) { try AESGCM.open([1], key: key, nonce: nonce) }
        #expect(throws: CryptoError(.invalidKey, "")) { try AESGCM.open(sealed, key: [1], nonce: nonce) }
        #expect(throws: CryptoError(.invalidKey, "")) { try AESGCM.seal([], key: key, nonce: [1]) }
    }
}
