import EventCodec
import Testing

@Suite struct JSONScannerTests {
    @Test(arguments: [
        "0", "-0", "10", "-1.5", "1e5", "1E+5", "1.25e-10", "123456789012345678901234567890", "true", "false", "null",
        "\"\"", "\"a\"", #""\"\\\/\b\f\n\r\t""#, #""\u0000""#, #""\uD83D\uDE00""#, #""\ud83d\ude00x""#, "\"é中🚀\"",
        "\"\u{7F}\"", "\"\u{10FFFF}\"", "[]", "{}", " [ ] ", "\t{\r\n}\n", "[1,2,[3,{}],{}]", "[[],[[]]]",
        #"{"a":1,"b":[{"c":null}],"a":2}"#, #"{"":""}"#, #" { "a" : [ 1 , 2 ] } "#, "[1e400]",
    ])
    func `valid texts pass`(text: String) throws {
        let span = try JSONScanner.validate(Array(text.utf8))
        let trimmed = text.drop(while: \.isWhitespace)
        #expect(span.start == text.utf8.count - trimmed.utf8.count)
    }

    @Test(arguments: [
        ("", JSONError(.unexpectedEnd, at: 0)), ("  ", .init(.unexpectedEnd, at: 2)),
        ("01", .init(.invalidNumber, at: 0)), ("-01", .init(.invalidNumber, at: 0)),
        ("-", .init(.unexpectedEnd, at: 1)),
        ("-a", .init(.invalidNumber, at: 0)), ("1.", .init(.unexpectedEnd, at: 2)),
        ("1.e1", .init(.invalidNumber, at: 0)),
        (".5", .init(.unexpectedCharacter, at: 0)), ("+1", .init(.unexpectedCharacter, at: 0)),
        ("1e", .init(.unexpectedEnd, at: 2)), ("1e+", .init(.unexpectedEnd, at: 3)),
        ("[1e-]", .init(.invalidNumber, at: 1)),
        ("0x1", .init(.trailingBytes, at: 1)), ("NaN", .init(.unexpectedCharacter, at: 0)),
        ("Infinity", .init(.unexpectedCharacter, at: 0)), ("nul", .init(.unexpectedEnd, at: 3)),
        ("nulL", .init(.invalidLiteral, at: 0)), ("True", .init(.unexpectedCharacter, at: 0)),
        ("truee", .init(.trailingBytes, at: 4)), ("fals", .init(.unexpectedEnd, at: 4)),
        ("1 2", .init(.trailingBytes, at: 2)), ("{}{}", .init(.trailingBytes, at: 2)),
        ("[]]", .init(.trailingBytes, at: 2)),
        ("[", .init(.unexpectedEnd, at: 1)), ("[1", .init(.unexpectedEnd, at: 2)),
        ("[1,", .init(.unexpectedEnd, at: 3)),
        ("[1,]", .init(.unexpectedCharacter, at: 3)), ("[,1]", .init(.unexpectedCharacter, at: 1)),
        ("[1 2]", .init(.unexpectedCharacter, at: 3)), ("[1}", .init(.unexpectedCharacter, at: 2)),
        ("{", .init(.unexpectedEnd, at: 1)), ("{]", .init(.unexpectedCharacter, at: 1)),
        (#"{"a"}"#, .init(.unexpectedCharacter, at: 4)), (#"{"a":}"#, .init(.unexpectedCharacter, at: 5)),
        (#"{"a":1,}"#, .init(.unexpectedCharacter, at: 7)), (#"{"a":1"b":2}"#, .init(.unexpectedCharacter, at: 6)),
        ("{a:1}", .init(.unexpectedCharacter, at: 1)), ("{1:1}", .init(.unexpectedCharacter, at: 1)),
        (#"{"a":1]"#, .init(.unexpectedCharacter, at: 6)), ("'a'", .init(.unexpectedCharacter, at: 0)),
        ("\"a", .init(.unexpectedEnd, at: 2)), ("\"a\n\"", .init(.controlCharacter, at: 2)),
        ("\"\u{0}\"", .init(.controlCharacter, at: 1)), ("\"12345678\u{1F}\"", .init(.controlCharacter, at: 9)),
        (#""\x""#, .init(.invalidEscape, at: 1)), (#""\u12G4""#, .init(.invalidEscape, at: 1)),
        (#""\u12"#, .init(.unexpectedEnd, at: 5)), (#""\"#, .init(.unexpectedEnd, at: 2)),
        (#""\uD83D""#, .init(.loneSurrogate, at: 1)), (#""\uDE00""#, .init(.loneSurrogate, at: 1)),
        (#""\uD83D\u0041""#, .init(.loneSurrogate, at: 1)), (#""\uD83Dabcdef""#, .init(.loneSurrogate, at: 1)),
        ("[1] // no", .init(.trailingBytes, at: 4)), ("\u{FEFF}1", .init(.unexpectedCharacter, at: 0)),
        ("[\u{A0}]", .init(.unexpectedCharacter, at: 1)), ("[1\u{B}]", .init(.unexpectedCharacter, at: 2)),
    ])
    func `other texts are refused where they go wrong`(text: String, error: JSONError) {
        #expect(throws: error) { try JSONScanner.validate(Array(text.utf8)) }
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82],
            [0xE2, 0x28, 0xA1], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are refused`(bytes: [UInt8]) {
        for padding in 0..<9 {
            let text = [0x22] + Array(repeating: UInt8(ascii: "a"), count: padding) + bytes + [0x22]
            #expect(throws: JSONError(.invalidUTF8, at: 1 + padding)) { try JSONScanner.validate(text) }
        }
    }

    @Test func `every boundary of UTF-8 passes`() throws {
        for value in [0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x1_0000, 0x4_0000, 0x10_FFFF] {
            let scalar = try #require(Unicode.Scalar(UInt32(value)))
            try JSONScanner.validate(Array("\"\(scalar)\"".utf8))
        }
    }

    @Test func `a quote is found at every place of a word`() throws {
        for length in 0..<40 {
            let text = Array("\"\(String(repeating: "x", count: length))\"".utf8)
            #expect(try JSONScanner.validate(text).end == length + 2)
            #expect(throws: JSONError(.unexpectedEnd, at: length + 1)) { try JSONScanner.validate(text.dropLast()) }
        }
    }

    @Test func `depth is counted from the outermost container`() throws {
        for (open, close) in [("[", "]"), (#"{"a":"#, "}"), (#"[{"a":"#, "}]")] {
            let levels = open.hasPrefix("[{") ? 2 : 1
            let inner = open.hasPrefix("{") || levels == 2 ? "0" : ""
            let deep = { (count: Int) in
                Array((String(repeating: open, count: count) + inner + String(repeating: close, count: count)).utf8)
            }
            try JSONScanner.validate(deep(64 / levels))
            #expect(throws: JSONError.self) { try JSONScanner.validate(deep(64 / levels + 1)) }
        }
        let limits = JSONLimits(depth: 2)
        try JSONScanner.validate(Array("[[],[1]]".utf8), limits: limits)
        #expect(throws: JSONError(.tooDeep, at: 2)) { try JSONScanner.validate(Array("[[[]]]".utf8), limits: limits) }
    }

    @Test func `a hundred thousand brackets are refused at the sixty-fifth`() {
        #expect(throws: JSONError(.tooDeep, at: 64)) {
            try JSONScanner.validate(Array(repeating: UInt8(ascii: "["), count: 100_000))
        }
    }

    @Test func `a text over the limit is refused unread`() {
        #expect(throws: JSONError(.tooLarge, at: 2)) {
            try JSONScanner.validate(Array("123".utf8), limits: JSONLimits(bytes: 2))
        }
    }
}

@Suite struct JSONMembersTests {
    private func members(_ text: String, _ keys: [StaticString]) throws -> [String?] {
        let bytes = Array(text.utf8)
        return try JSONScanner.members(of: bytes, keys: keys).map { span in
            span.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        }
    }

    @Test func `wanted values are found with their bytes`() throws {
        let found = try members(#" {"b" : [1, 2] ,"x":{"a":9}, "a":"é\n" } "#, ["a", "b", "c"])
        #expect(found == [#""é\n""#, "[1, 2]", nil])
    }

    @Test func `a key is the same however it is escaped`() throws {
        #expect(try members(#"{"t\u0079pe":1}"#, ["type"]) == ["1"])
        #expect(throws: JSONError(.duplicateKey, at: 10)) { try members(#"{"type":1,"t\u0079pe":2}"#, ["type"]) }
    }

    @Test func `a wanted key twice is refused, others and inner ones are the sender's`() throws {
        #expect(throws: JSONError(.duplicateKey, at: 7)) { try members(#"{"a":1,"a":1}"#, ["a"]) }
        #expect(try members(#"{"b":1,"b":2,"a":{"a":1,"a":2}}"#, ["a"]) == [#"{"a":1,"a":2}"#])
    }

    @Test func `unknown keys are refused on demand`() throws {
        let text = Array(#"{"a":1,"b":2}"#.utf8)
        #expect(throws: JSONError(.unknownKey, at: 7)) {
            try JSONScanner.members(of: text, keys: ["a"], unknownKeys: .refused)
        }
    }

    @Test(arguments: ["[]", "1", "null", "\"a\""])
    func `only an object has members`(text: String) {
        #expect(throws: JSONError(.notAnObject, at: 0)) { try members(text, ["a"]) }
    }

    @Test func `the rest of the text is checked too`() {
        #expect(throws: JSONError(.trailingBytes, at: 8)) { try members(#"{"a":1} x"#, ["a"]) }
        #expect(throws: JSONError.self) { try members(#"{"a":1,"b":tru}"#, ["a"]) }
    }

    @Test func `spans of an inner object count from the whole text`() throws {
        let text = Array(#"{"event":{"type":"x\u0041"}}"#.utf8)
        let event = try #require(try JSONScanner.members(of: text, keys: ["event"])[0])
        let type = try #require(try JSONScanner.members(of: text, in: event, keys: ["type"])[0])
        #expect(JSONText.string(at: type, of: text) == "xA")
        #expect(type.hasEscapes)
    }

    @Test func `strings come back with their escapes resolved`() throws {
        let text = Array(#""\u0000\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00z\uFFFF""#.utf8)
        let span = try JSONScanner.validate(text)
        #expect(JSONText.string(at: span, of: text) == "\0\"\\/\u{8}\u{c}\n\r\t\u{e9}😀z\u{FFFF}")
    }
}
