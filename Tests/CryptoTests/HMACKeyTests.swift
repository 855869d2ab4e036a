import Crypto
import Testing

@Suite struct HMACKeyTests {
    /// RFC 4231, cases 1, 2, 6.
    @Test func `the RFC's cases hold`() {
        #expect(
            HMACKey(Array(repeating: 0x0B, count: 20)).authenticationCode(for: Array("Hi There".utf8)).hex
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            HMACKey(Array("Jefe".utf8)).authenticationCode(for: Array("what do ya want for nothing?".utf8)).hex
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let long = "Test Using Larger Than Block-Size Key - Hash Key First"
        #expect(
            HMACKey(Array(repeating: 0xAA, count: 131)).authenticationCode(for: Array(long.utf8)).hex
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func `an empty key and an empty message are legal`() {
        #expect(
            HMACKey([]).authenticationCode(for: []).hex
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test func `a key signs any number of messages`() {
        let key = HMACKey(Array("key".utf8))
        let whole = key.authenticationCode(for: Array("head.body".utf8))
        for _ in 0..<3 {
            #expect(key.authenticationCode(for: Array("head.".utf8), Array("body".utf8)) == whole)
        }
        #expect(key.isValid(whole, for: Array("head.body".utf8)))
        #expect(!key.isValid(whole, for: Array("head.bodY".utf8)))
        #expect(!HMACKey(Array("kez".utf8)).isValid(whole, for: Array("head.body".utf8)))
    }

    @Test func `several threads share a key`() async {
        let key = HMACKey(Array("key".utf8))
        let expected = (0..<64).map { key.authenticationCode(for: [UInt8($0)]) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<64).allSatisfy { key.authenticationCode(for: [UInt8($0)]) == expected[$0] } }
            }
            for await agrees in group { #expect(agrees) }
        }
    }
}
