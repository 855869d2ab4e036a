import Crypto
import Encodings
import Testing

@Suite struct AESCBCTests {
    // NIST SP 800-38A, F.2.5.
    @Test func `the published vector comes out`() throws {
        let key = try #require(Hex.decode("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))
        let vector = try #require(Hex.decode("000102030405060708090a0b0c0d0e0f"))
        let plain = try #require(Hex.decode("6bc1bee22e409f96e93d7e117393172a"))
        let sealed = try AESCBC.encrypt(plain[...], key: key, vector: vector[...])
        #expect(Hex.encode(sealed) == "f58c4c04d6e5f1ba779eabfb5f7bfbd6")
        #expect(try AESCBC.decrypt(sealed[...], key: key, vector: vector[...]) == plain)
    }

    @Test func `parts of a block and wrong keys are refused`() {
        let key = [UInt8](repeating: 1, count: 32)
        #expect(throws: CryptoError.self) { try AESCBC.decrypt([1, 2, 3], key: key, vector: key[..<16]) }
        #expect(throws: CryptoError.self) { try AESCBC.decrypt([], key: key, vector: key[..<16]) }
        #expect(throws: CryptoError.self) { try AESCBC.decrypt(key[...], key: [1], vector: key[..<16]) }
        #expect(throws: CryptoError.self) { try AESCBC.decrypt(key[...], key: key, vector: key[..<8]) }
    }

    @Test(arguments: [16, 32]) func `padding goes on and comes off`(_ block: Int) {
        for count in 0..<70 {
            var bytes = [UInt8](repeating: 7, count: count)
            BlockPadding.pad(&bytes, block: block)
            #expect(bytes.count.isMultiple(of: block) && bytes.count > count)
            #expect(BlockPadding.unpaddedCount(bytes, block: block) == count)
        }
    }

    @Test func `wrong padding is seen`() {
        #expect(BlockPadding.unpaddedCount([], block: 16) == nil)
        #expect(BlockPadding.unpaddedCount([1, 2, 0], block: 16) == nil)
        #expect(BlockPadding.unpaddedCount([1, 2, 17], block: 16) == nil)
        #expect(BlockPadding.unpaddedCount([UInt8](repeating: 17, count: 32), block: 16) == nil)
        #expect(BlockPadding.unpaddedCount([1, 3, 2], block: 16) == nil)
        #expect(BlockPadding.unpaddedCount([3, 3], block: 16) == nil)
    }

    // RFC 2202 §3, cases 1 and 6; FIPS 180-4.
    @Test func `SHA-1 and its HMAC are the published ones`() {
        #expect(Hex.encode(SHA1.hash(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        let first = SHA1.authenticationCode(for: Array("Hi There".utf8), key: [UInt8](repeating: 0x0B, count: 20))
        #expect(Hex.encode(first) == "b617318655057264e28bc0b6fb378c8ef146be00")
        let long = SHA1.authenticationCode(
            for: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: [UInt8](repeating: 0xAA, count: 80))
        #expect(Hex.encode(long) == "aa4ae5e15272d00e95705637ce8a3b55ed402112")
    }
}
