import Encodings
import Testing

@Suite struct Base64Tests {
    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of the RFC hold`(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        let unpadded = text.filter { $0 != "=" }
        #expect(Base64.encode(Array(plain.utf8), .urlSafe) == unpadded)
        #expect(Base64.decode(unpadded, .urlSafe) == Array(plain.utf8))
    }

    @Test func `every length and byte comes back, in both alphabets`() {
        for count in 0..<80 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            for alphabet in [Base64.Alphabet.standard, .urlSafe] {
                let text = Base64.encode(bytes, alphabet)
                #expect(text.utf8.count == Base64.encodedCount(count, alphabet))
                #expect(Base64.decode(text, alphabet) == bytes)
                var appended: [UInt8] = [1]
                Base64.append(bytes.span, alphabet, to: &appended)
                #expect(appended == [1] + Array(text.utf8))
            }
        }
        #expect(Base64.encode([0xFB, 0xFF, 0xBF]) == "+/+/")
        #expect(Base64.encode([0xFB, 0xFF, 0xBF], .urlSafe) == "-_-_")
    }

    @Test(arguments: [
        "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9v=", "Zm9vY", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm9-", "Zm9_",
        "Zg==Zg==", "Z=g=", "Zm9é",
    ])
    func `the standard alphabet is read strictly`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(arguments: ["Zg==", "Z", "Zh", "Zm9", "Zm9+", "Zm9/", "Zm9v ", "Zm9vY"])
    func `the URL-safe alphabet is read strictly`(text: String) {
        #expect(Base64.decode(text, .urlSafe) == nil)
    }
}
