import EventCodec
import EventModel
import Testing

@Suite struct JSONWriterTests {
    @Test func `commas come by themselves`() throws {
        var json = JSONWriter()
        json.object { json in
            json.member("a", 1)
            json.member("b", "x")
            json.member("none", String?.none)
            json.member(
                "list",
                array: { json in
                    json.int(1)
                    json.array { _ in }
                    json.object { _ in }
                    json.object { $0.member("deep", true) }
                    json.null()
                })
            json.member("o", object: { $0.member("t", Timestamp(seconds: 0)) })
            json.member("raw", raw: Array(#"{"k" :1}"#.utf8))
            json.member("d", 1.5)
            json.member("nan", Double.nan)
            json.member("events", ["a", "b"])
            json.key(dynamic: "q\"")
            json.bool(false)
        }
        #expect(
            String(decoding: json.bytes, as: UTF8.self)
                == #"{"a":1,"b":"x","none":null,"list":[1,[],{},{"deep":true},null],"o":{"t":"1970-01-01T00:00:00.000Z"},"#
                + #""raw":{"k" :1},"d":1.5,"nan":null,"events":["a","b"],"q\"":false}"#)
        try JSONScanner.validate(json.bytes)
    }

    @Test func `every control character, quote and backslash is escaped and nothing else`() throws {
        let text = String(String.UnicodeScalarView((0...0x7F).compactMap { Unicode.Scalar($0) })) + "é\u{2028}🚀"
        var json = JSONWriter()
        json.string(text)
        let span = try JSONScanner.validate(json.bytes)
        #expect(JSONText.string(at: span, of: json.bytes) == text)
        let written = String(decoding: json.bytes, as: UTF8.self)
        #expect(written.hasPrefix(#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e"#))
        #expect(written.hasSuffix("~\u{7F}é\u{2028}🚀\""))
        #expect(written.contains(##" !\"#"##))
    }

    @Test func `an answer that is no text becomes text`() {
        var json = JSONWriter()
        json.string(lossy: [0x61, 0xFF, 0x62])
        #expect(String(decoding: json.bytes, as: UTF8.self) == "\"a\u{FFFD}b\"")
    }

    @Test func `a writer is used again`() {
        var json = JSONWriter()
        json.int(1)
        json.removeAll()
        json.int(-2)
        #expect(json.bytes == Array("-2".utf8))
    }

    @Test func `identifiers are written as their text`() {
        let id = EventID(Ulid(high: 1, low: 2))
        var json = JSONWriter()
        json.object { $0.member("id", id) }
        #expect(String(decoding: json.bytes, as: UTF8.self) == #"{"id":"\#(id)"}"#)
    }
}
