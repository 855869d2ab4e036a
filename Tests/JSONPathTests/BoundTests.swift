import EventCodec
import JSONPath
import Testing

/// What an evaluation may cost, and what a query may be.
@Suite struct BoundTests {
    private func outline(_ text: String) throws -> JSONOutline { try JSONOutline(Array(text.utf8)) }

    private func list(_ count: Int, _ element: String) -> String {
        "[" + repeatElement(element, count: count).joined(separator: ",") + "]"
    }

    @Test(arguments: [
        "$..*..*..*..*", "$[?count(@..*)==1]..*", "$[?count($..*)>0]", "$..[?$..[?$..[?@]]]", "$[0][?@==$[0][0]]",
        "$..[?search(@, '(a|a)*(a*)*b')]",
    ])
    func `an evaluation ends when its steps are spent`(text: String) throws {
        let deep =
            String(repeating: "[1,", count: 30) + list(200, "[\"aaaaaaaaaaaa\"]") + String(repeating: "]", count: 30)
        let outline = try outline("[" + list(40, deep) + "]")
        let path = try JSONPath(text, limits: JSONPathLimits(steps: 10_000))
        #expect(throws: JSONPathError(.tooMuchWork, "the evaluation takes too many steps")) {
            try path.values(in: outline)
        }
    }

    @Test func `the first hit is cheap where all would not be`() throws {
        let outline = try outline(list(10_000, "{\"a\":1}"))
        let limits = JSONPathLimits(steps: 100)
        #expect(try JSONPath("$..a", limits: limits).first(in: outline) != nil)
        #expect(try JSONFilter("$[?@.a == 1]", limits: limits).matches(outline))
        #expect(throws: JSONPathError.self) { try JSONPath("$..a", limits: limits).values(in: outline) }
    }

    @Test func `a query is bounded in length, segments and depth`() {
        let bad = [
            "$" + String(repeating: ".a", count: 129), "$['" + String(repeating: "a", count: 5_000) + "']",
            "$" + String(repeating: "[?@", count: 40) + String(repeating: "]", count: 40),
            "$[?" + String(repeating: "(", count: 40) + "@.a" + String(repeating: ")", count: 40) + "]",
            "$[?" + String(repeating: "length(", count: 40) + "@" + String(repeating: ")", count: 40) + "==1]",
        ]
        for text in bad {
            #expect { try JSONPath(text) } throws: { ($0 as? JSONPathError)?.code == .tooLarge }
        }
    }

    @Test func `errors say where`() {
        #expect { try JSONPath("$.a[") } throws: { ($0 as? JSONPathError)?.offset == 4 }
        #expect { try JSONPath("$[?length(@.*) > 1]") } throws: {
            ($0 as? JSONPathError)?.code == .type && ($0 as? JSONPathError)?.offset == 10
        }
        #expect { try JSONPath("$[?lenght(@) > 1]") } throws: { ($0 as? JSONPathError)?.code == .unknownFunction }
    }

    @Test func `an outline bounds depth and values`() throws {
        #expect(throws: JSONError.self) {
            try outline(String(repeating: "[", count: 65) + String(repeating: "]", count: 65))
        }
        #expect(throws: JSONError.self) { try JSONOutline(Array("[1,2,3]".utf8), maximumValues: 3) }
        #expect(try JSONOutline(Array("[1,2,3]".utf8), maximumValues: 4).count == 4)
        for text in [
            "", "[", "[1", "[1,", "[1,]", "{", "{\"a\"", "{\"a\":", "{\"a\":1,}", "{a:1}", "[1]]", "1 2", "{,}", "[,]",
        ] {
            #expect(throws: JSONError.self, "\(text)") { try outline(text) }
        }
    }
}
