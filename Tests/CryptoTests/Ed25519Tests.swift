import Crypto
import Encodings
import Testing

@Suite struct Ed25519Tests {
    /// RFC 8032 §7.1, test 2.
    static let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    static let publicKey = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    static let signature =
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d"
        + "291612bb0c00"

    @Test func `the RFC's example holds`() throws {
        let seed = try #require(Hex.decode(Self.seed))
        let publicKey = try Ed25519.publicKey(seed: seed)
        #expect(Hex.encode(publicKey) == Self.publicKey)
        let signature = try Ed25519.sign([0x72], seed: seed)
        #expect(Hex.encode(signature) == Self.signature)
        #expect(try Ed25519.isValid(signature, for: [0x72], publicKey: publicKey))
        #expect(try !Ed25519.isValid(signature, for: [0x73], publicKey: publicKey))
        #expect(try !Ed25519.isValid(signature.dropLast(), for: [0x72], publicKey: publicKey))
    }

    @Test func `keys of another length are refused`() {
        #expect(throws: CryptoError(.invalidKey, "")) { try Ed25519.publicKey(seed: [1]) }
        #expect(throws: CryptoError(.invalidKey, "")) { try Ed25519.sign([], seed: []) }
        #expect(throws: CryptoError(.invalidKey, "")) { try Ed25519.isValid([], for: [], publicKey: [1]) }
    }
}
