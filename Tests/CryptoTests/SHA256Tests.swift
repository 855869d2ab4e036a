import Crypto
import Testing

@Suite struct SHA256Tests {
    /// FIPS 180-4 examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `the standard's examples hold`(message: String, digest: String) {
        #expect(SHA256.hash(message).hex == digest)
        #expect(SHA256.hash(Array(message.utf8)).description == digest)
        #expect(SHA256Digest(hex: digest) == SHA256.hash(message))
    }

    @Test func `pieces give the digest of the whole, and the hasher starts anew`() {
        let hasher = SHA256Hasher()
        hasher.update("ab")
        hasher.update([])
        hasher.update("c")
        #expect(hasher.finish() == SHA256.hash("abc"))
        #expect(hasher.finish() == SHA256.hash(""))
    }

    @Test func `a digest gives its bytes in order`() {
        let digest = SHA256.hash("abc")
        #expect(digest.bytes.prefix(4) == [0xBA, 0x78, 0x16, 0xBF])
        #expect(digest.prefix.high == 0xba78_16bf_8f01_cfea)
        #expect(digest.prefix.low == 0x4141_40de_5dae_2223)
        #expect(SHA256Digest(digest.bytes) == digest)
        #expect(SHA256Digest([1, 2, 3]) == nil)
        #expect(SHA256Digest(hex: "00") == nil)
        #expect(digest.matches(SHA256.hash("abc")))
        #expect(!digest.matches(SHA256.hash("abd")))
    }
}
