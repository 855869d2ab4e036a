import JSONPath
import Testing

@Suite struct RegexpTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool { try Regexp(pattern).matches(text) }

    @Test(arguments: [
        ("", "", true), ("", "a", false), ("a|b|", "", true), ("(ab)*", "ababab", true), ("(ab)*", "aba", false),
        ("a{3}", "aaa", true), ("a{3}", "aa", false), ("a{2,}", "aaaa", true), ("a{2,3}", "aaaa", false),
        ("a{0}", "", true), ("[a-c]+", "abcabc", true), ("[^a-c]+", "xyz", true), ("[^a-c]+", "xbz", false),
        ("[-a]+", "a-a", true), ("[a-]+", "a-a", true), ("[\\-a]", "-", true), ("a.c", "a\nc", false),
        ("a.c", "a\u{85}c", true), ("\\p{L}+", "Grüße", true), ("\\p{Nd}{4}", "2026", true), ("\\P{L}", "1", true),
        ("[\\p{Lu}\\P{L}]+", "A1", true), ("[^\\p{L}]", "1", true), ("[^\\P{L}]", "1", false), ("🚀+", "🚀🚀", true),
        ("(a|ab)(c|bcd)(d*)", "abcd", true), ("((a*)*)*", "aaaa", true), ("^a$", "a", true), ("a^b", "ab", false),
        ("\\t\\n\\r", "\t\n\r", true), ("e\u{301}", "é", false), ("(|a)+b", "aab", true), ("[\\^]", "^", true),
    ])
    func `it matches the whole text`(pattern: String, text: String, expected: Bool) throws {
        #expect(try matches(pattern, text) == expected, "\(pattern) on \(text)")
    }

    @Test(arguments: [
        "(", ")", "a)", "[", "[]", "[^]", "[a", "]", "*", "a**", "+", "?", "{1}", "a{", "a{1", "a{,2}", "a{2,1}", "}",
        "\\", "\\d", "\\w", "\\b", "\\1", "\\x41", "\\p", "\\p{", "\\p{X}", "\\p{Lx}", "\\p{Cs}", "\\p{IsBasicLatin}",
        "(?:a)", "(?=a)", "a*?", "a{2}+", "[z-a]", "[a-\\p{L}]", "[[a]]", "[a--b]",
    ])
    func `what RFC 9485 does not define is refused`(pattern: String) {
        #expect(throws: JSONPathError.self, "\(pattern)") { try Regexp(pattern) }
    }

    @Test func `an expression that makes others backtrack takes linear time`() throws {
        let text = String(repeating: "a", count: 20_000)
        let regexp = try Regexp("(a|a)*(a*)*(aa?)*b")
        #expect(!regexp.matches(text))
        #expect(regexp.matches(text + "b"))
    }

    @Test func `counts are bounded, nested ones too`() {
        for pattern in [
            "a{99999}", "(a{1000}){1000}", "((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}", "(a|b|c|d){900}",
            String(repeating: "(", count: 100) + String(repeating: ")", count: 100), "[a-z]{2000}{2000}",
        ] {
            #expect(throws: JSONPathError.self, "\(pattern)") { try Regexp(pattern) }
        }
        #expect(throws: Never.self) { try Regexp("(((){1000}){1000}){1000}") }
    }
}
