import EventCodec
import Testing
import YAML

@Suite struct YAMLDocumentTests {
    private func json(_ text: String) throws -> String {
        String(decoding: try YAMLDocument(Array(text.utf8)).value.bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ("a: 1", #"{"a":1}"#), ("a: -1.5e3", #"{"a":-1.5e3}"#), ("a: 010", #"{"a":"010"}"#),
        ("a: 1_000", #"{"a":"1_000"}"#),
        ("a: no", #"{"a":"no"}"#), ("a: on", #"{"a":"on"}"#), ("a: true", #"{"a":true}"#),
        ("a: \"true\"", #"{"a":"true"}"#),
        ("a: ~", #"{"a":null}"#), ("a:", #"{"a":null}"#), ("a: .inf", #"{"a":".inf"}"#), ("a: 0x1F", #"{"a":"0x1F"}"#),
        ("a: 2026-01-02", #"{"a":"2026-01-02"}"#), ("- 1\n- [2, x]\n- {b: c}", #"[1,[2,"x"],{"b":"c"}]"#),
        ("a: |\n  one\n  two\n", #"{"a":"one\ntwo\n"}"#), ("a: >-\n  one\n  two\n", #"{"a":"one two"}"#),
        ("# only a comment\n", "null"), ("", "null"), ("---\na: 'it''s'\n...\n", #"{"a":"it's"}"#),
        ("é: \"\\u00e9\"", #"{"é":"é"}"#),
        ("a: \"{{ payload.x }}\"", #"{"a":"{{ payload.x }}"}"#), ("1: one", #"{"1":"one"}"#),
    ])
    func `it stands for a JSON value`(text: String, expected: String) throws {
        #expect(try json(text) == expected, "\(text)")
    }

    @Test(arguments: [
        ("a: [1", 2, 1), ("a: b: c", 1, 5), ("a:\n  - x\n b: y", 3, 2), ("a: 1\na: 2", 2, 1), ("a: &x 1\nb: *x", 1, 4),
        ("b: *x", 1, 4), ("a: !!int 1", 1, 4), ("a: 1\n---\nb: 2", 2, 1), ("<<: {a: 1}", 1, 1), ("{[1]: 2}", 1, 2),
        ("a: \"\\q\"", 1, 5), ("\ta: 1", 1, 1), ("%YAML 3.0\n---\na", 1, 1),
    ])
    func `what is not accepted is refused with its place`(text: String, line: Int, column: Int) {
        #expect("\(text)") { try YAMLDocument(Array(text.utf8)) } throws: { error in
            (error as? YAMLError)?.position == TextPosition(line: line, column: column)
        }
    }

    @Test func `text that is not UTF-8 is refused`() {
        for bytes in [[0x61, 0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x61, 0x00]] as [[UInt8]] {
            #expect(throws: YAMLError.self) { try YAMLDocument(bytes) }
        }
    }

    @Test func `length, depth and count are bounded`() {
        let limits = YAMLLimits(bytes: 1_000, depth: 5, values: 50)
        for text in [
            String(repeating: "a", count: 1_001), "[[[[[[1]]]]]]", "[" + String(repeating: "1,", count: 60) + "1]",
            String(repeating: "- ", count: 100),
        ] {
            #expect { try YAMLDocument(Array(text.utf8), limits: limits) } throws: {
                ($0 as? YAMLError)?.code == .tooLarge
            }
        }
    }

    @Test func `a value is found by its path`() throws {
        let document = try YAMLDocument(
            Array("trigger:\n  match:\n    - jsonpath: $.a\n      equals: 1\n  x: {y: z}\n".utf8))
        #expect(document.position(of: "trigger.match[0].jsonpath") == TextPosition(line: 3, column: 17))
        #expect(document.position(of: "trigger.match[0].nothing") == TextPosition(line: 3, column: 7))
        #expect(document.position(of: "trigger.x.y") == TextPosition(line: 5, column: 10))
        #expect(document.position(of: "nowhere") == TextPosition(line: 1, column: 1))
    }

    @Test func `JSON is JSON, and a flow mapping is YAML`() throws {
        #expect(
            try SourceDocument(Array(#" {"a": [1, {"b": 2}]}"#.utf8)).value.bytes
                == Array(#"{"a":[1,{"b":2}]}"#.utf8))
        #expect(try SourceDocument(Array("{a: b}".utf8)).value.bytes == Array(#"{"a":"b"}"#.utf8))
        let json = try SourceDocument(Array("{\n  \"a\": [1,\n    {\"b\": 2}]}".utf8))
        #expect(json.position(of: "a[1].b") == TextPosition(line: 3, column: 11))
        #expect { try SourceDocument(Array("{\"a\": 1,\n \"b\": tru!}}".utf8)) } throws: {
            ($0 as? YAMLError)?.position == TextPosition(line: 2, column: 7)
        }
    }
}
