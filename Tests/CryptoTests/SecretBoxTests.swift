import Crypto
import Encodings
import Testing

@Suite struct SecretBoxTests {
    private let first = MasterKey.generate()
    private let second = MasterKey.generate()

    @Test func `a secret opens in its own context only`() throws {
        let box = try SecretBox(current: first)
        let text = box.seal("whsec_x", context: "webhook:1")
        #expect(text.hasPrefix("v1:\(first.id):"))
        #expect(!text.contains("whsec"))
        #expect(try box.open(text, context: "webhook:1") == Array("whsec_x".utf8))
        #expect(throws: CryptoError(.notAuthentic, "")) { try box.open(text, context: "webhook:2") }
        #expect(box.seal("whsec_x", context: "webhook:1") != text, "each sealing draws its own nonce")
    }

    @Test func `an empty secret is a secret`() throws {
        let box = try SecretBox(current: first)
        #expect(try box.open(box.seal([], context: ""), context: "") == [])
    }

    @Test func `rows move to a new key one by one`() throws {
        let old = try SecretBox(current: first).seal("s", context: "c")
        let box = try SecretBox(current: second, previous: [first])
        #expect(try box.open(old, context: "c") == Array("s".utf8))
        let new = try #require(try box.rewrapped(old, context: "c"))
        #expect(try SecretBox.keyID(of: new) == second.id)
        #expect(try box.rewrapped(new, context: "c") == nil)
        #expect(try SecretBox(current: second).open(new, context: "c") == Array("s".utf8))
        #expect(throws: CryptoError(.unknownKey, "")) { try SecretBox(current: second).open(old, context: "c") }
    }

    @Test func `a text sealed under one key id does not open under another`() throws {
        let text = try SecretBox(current: MasterKey(id: "a", bytes: Array(repeating: 1, count: 32))).seal(
            "s", context: "c")
        let box = try SecretBox(current: MasterKey(id: "b", bytes: Array(repeating: 1, count: 32)))
        let renamed = text.replacing("v1:a:", with: "v1:b:")
        #expect(throws: CryptoError(.notAuthentic, "")) { try box.open(renamed, context: "c") }
    }

    @Test(arguments: ["", "v1", "v1:a", "v2:a:AAAA", "v1:a:", "v1:a:AAAA", "v1:a:!!!!", "v1::AAAA"])
    func `texts of another form are refused`(text: String) throws {
        let box = try SecretBox(current: first)
        #expect(throws: CryptoError(.malformed, "")) { try box.open(text, context: "") }
    }

    @Test func `two keys with one id are refused`() throws {
        let one = try MasterKey(id: "k", bytes: Array(repeating: 1, count: 32))
        let two = try MasterKey(id: "k", bytes: Array(repeating: 2, count: 32))
        #expect(throws: CryptoError(.invalidKey, "")) { try SecretBox(current: one, previous: [two]) }
        _ = try SecretBox(current: one, previous: [one])
    }
}

@Suite struct MasterKeyTests {
    @Test func `keys are read from base64 and hex, with and without an id`() throws {
        let bytes = (0..<32).map { UInt8($0) }
        let plain = try MasterKey(text: Base64.encode(bytes))
        #expect(try MasterKey(text: Hex.encode(bytes)).id == plain.id)
        #expect(try MasterKey(text: " \(Base64.encode(bytes))\n").text == plain.text)
        let named = try MasterKey(text: "2026-a:\(Base64.encode(bytes))")
        #expect(named.id == "2026-a")
        #expect(named.text == plain.text)
        #expect(plain.id.utf8.count == 12)
        #expect(MasterKey.generate().id != MasterKey.generate().id)
    }

    @Test(arguments: ["", "abc", ":", "a:b:c", "a:", "AAAA", "a b:\(String(repeating: "00", count: 32))"])
    func `anything else is refused`(text: String) {
        #expect(throws: CryptoError(.invalidKey, "")) { try MasterKey(text: text) }
    }

    @Test func `a key never prints itself`() {
        let key = MasterKey.generate()
        var dumped = ""
        dump(key, to: &dumped)
        for printed in ["\(key)", String(reflecting: key), dumped] {
            #expect(!printed.contains(key.text))
            #expect(!printed.contains("bytes"))
        }
    }
}
