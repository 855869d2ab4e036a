import Crypto
import Signing
import Testing

@Suite struct AccessTokenTests {
    @Test func `a token is read back`() throws {
        let token = AccessToken.generate()
        #expect(token.text.hasPrefix("ff_"))
        #expect(token.text.utf8.count == 41)
        #expect(try #require(AccessToken(token.text)).text == token.text)
        #expect(AccessToken.generate().text != token.text)
        #expect(AccessToken(AccessToken.generate(prefix: "acme_live").text)?.text.hasPrefix("acme_live_") == true)
    }

    @Test func `its digest is the SHA-256 of its text`() {
        let token = AccessToken.generate()
        #expect(token.digest == SHA256.hash(token.text))
    }

    @Test func `every changed character is noticed`() {
        let text = Array(AccessToken.generate().text)
        for index in text.indices.dropFirst(3) {
            var changed = text
            changed[index] = text[index] == "x" ? "y" : "x"
            #expect(AccessToken(String(changed)) == nil)
        }
        #expect(AccessToken(String(text.dropLast())) == nil)
        #expect(AccessToken(String(text) + "0") == nil)
    }

    @Test(arguments: [
        "", "ff_", "Bearer", "FF_00000000000000000000000000000000000000", "_00000000000000000000000000000000000000",
    ])
    func `other texts are no tokens`(text: String) {
        #expect(AccessToken(text) == nil)
    }

    @Test func `all characters of the alphabet come up about as often`() {
        var counts: [Character: Int] = [:]
        for _ in 0..<200 {
            for character in AccessToken.generate().text.dropFirst(3).prefix(32) { counts[character, default: 0] += 1 }
        }
        // 6 400 draws over 62 characters: 103 each, with a deviation of ten.
        #expect(counts.count == 62)
        #expect(counts.values.allSatisfy { (40...180).contains($0) })
    }

    @Test func `a token never prints itself`() {
        let token = AccessToken.generate()
        var dumped = ""
        dump(token, to: &dumped)
        for printed in ["\(token)", String(reflecting: token), dumped] { #expect(!printed.contains(token.text)) }
    }
}
