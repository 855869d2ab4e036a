import Crypto
import Testing

@Suite struct SecureRandomTests {
    @Test func `random bytes differ and fill the whole buffer`() {
        #expect(SecureRandom.bytes(32) != SecureRandom.bytes(32))
        #expect(SecureRandom.bytes(0).isEmpty)
        var bytes: [UInt8] = Array(repeating: 0, count: 4096)
        SecureRandom.fill(&bytes)
        #expect(bytes.suffix(64).contains { $0 != 0 })
        #expect(Set(bytes).count > 200)
    }

    @Test func `comparison sees length and every byte`() {
        #expect(ConstantTime.areEqual([1, 2, 3], [1, 2, 3]))
        #expect(ConstantTime.areEqual([UInt8](), []))
        #expect(!ConstantTime.areEqual([1, 2, 3], [1, 2]))
        #expect(!ConstantTime.areEqual([1, 2, 3], [1, 2, 4]))
        #expect(ConstantTime.areEqual("a", "a"))
        #expect(!ConstantTime.areEqual("a", "b"))
    }
}
