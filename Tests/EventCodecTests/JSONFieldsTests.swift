import EventCodec
import Testing

@Suite struct JSONFieldsTests {
    private enum Order: String, CaseIterable { case asc, desc }

    private func fields(_ text: String) throws -> JSONFields { try JSONFields(body: Array(text.utf8)) }

    private func expectError(
        _ code: JSONFieldError.Code, _ param: String?, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> Void
    ) {
        let error = #expect(throws: JSONFieldError.self, sourceLocation: sourceLocation, performing: body)
        #expect(error?.code == code, sourceLocation: sourceLocation)
        #expect(error?.param == param, sourceLocation: sourceLocation)
    }

    @Test func `fields are read by name and type`() throws {
        let fields = try fields(
            #"{"url":"https://a","n":7,"d":1.5,"on":true,"list":["a","b"],"steps":[0,30],"order":"desc","m":{"team":"x"}}"#
        )
        #expect(try fields.string("url", length: 1...20) == "https://a")
        #expect(try fields.int("n", in: 1...30) == 7)
        #expect(try fields.optionalDouble("d") == 1.5)
        #expect(try fields.bool("on"))
        #expect(try fields.optionalStrings("list") == ["a", "b"])
        #expect(try fields.optionalInts("steps", count: 1...20, in: 0...100) == [0, 30])
        #expect(try fields.optionalChoice("order", of: Order.self) == .desc)
        #expect(try fields.fields("m").string("team") == "x")
        #expect(try fields.optionalString("gone") == nil)
    }

    @Test func `absent and null differ only where it is asked`() throws {
        let fields = try fields(#"{"a":null,"b":1}"#)
        #expect(fields.presence("a") == .null)
        #expect(fields.presence("b") == .value)
        #expect(fields.presence("c") == .absent)
        #expect(try fields.optionalString("a") == nil)
        expectError(.missingField, "a") { _ = try fields.string("a") }
    }

    @Test func `errors name the path`() throws {
        let fields = try fields(
            #"{"s":1,"n":"1","f":1.5,"big":99999999999999999999,"list":["a",1],"m":{"x":true},"order":"up"}"#)
        expectError(.invalidField, "s") { _ = try fields.string("s") }
        expectError(.invalidField, "n") { _ = try fields.int("n") }
        expectError(.invalidField, "f") { _ = try fields.int("f") }
        expectError(.invalidField, "big") { _ = try fields.int("big") }
        expectError(.invalidField, "n") { _ = try fields.bool("n") }
        expectError(.invalidField, "list[1]") { _ = try fields.optionalStrings("list") }
        expectError(.invalidField, "list[0]") { _ = try fields.optionalInts("list") }
        expectError(.invalidField, "list") { _ = try fields.optionalArray("list", count: 3...4) }
        expectError(.invalidField, "m.x") { _ = try fields.fields("m").string("x") }
        expectError(.missingField, "m.y") { _ = try fields.fields("m").string("y") }
        expectError(.invalidField, "order") { _ = try fields.optionalChoice("order", of: Order.self) }
        expectError(.invalidField, "s") { _ = try fields.fields("s") }
        expectError(.unknownField, "big") { try fields.refuseUnknown(["s", "n", "f", "list", "m", "order"]) }
        expectError(.unknownField, "m.x") { try fields.fields("m").refuseUnknown(["y"]) }
    }

    @Test func `bounds are told in the message`() throws {
        let fields = try fields(#"{"n":31,"s":""}"#)
        #expect(throws: JSONFieldError(.invalidField, "n is a whole number from 1 to 30", param: "n")) {
            try fields.int("n", in: 1...30)
        }
        expectError(.invalidField, "s") { _ = try fields.string("s", length: 1...3) }
    }

    @Test func `only an object of reasonable size is a request`() {
        expectError(.invalidBody, nil) { _ = try fields("[]") }
        expectError(.malformedJSON, nil) { _ = try fields("{") }
        expectError(.malformedJSON, nil) { _ = try fields("") }
        expectError(.malformedJSON, nil) { _ = try fields(#"{"a":1,"\u0061":2}"#) }
        expectError(.malformedJSON, nil) { _ = try fields(#"{"a":{"b":1,"b":2}}"#) }
        let deep = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
        expectError(.malformedJSON, nil) { _ = try fields(#"{"a":\#(deep)}"#) }
        expectError(.malformedJSON, nil) {
            _ = try fields(#"{"a":"\#(String(repeating: "x", count: 256 * 1024))"}"#)
        }
    }

    @Test func `numbers keep their text`() throws {
        let value = try JSONValue(parsing: Array("[1.10,12345678901234567890,-0,1e2,1e999]".utf8))
        #expect(value.bytes == Array("[1.10,12345678901234567890,-0,1e2,1e999]".utf8))
        guard case .array(let numbers) = value else { return }
        let read = numbers.map { number in
            if case .number(let number) = number { (number.int, number.double) } else { (Int64?.none, Double?.none) }
        }
        #expect(read.map(\.0) == [nil, nil, 0, nil, nil])
        #expect(read.map(\.1) == [1.1, 12_345_678_901_234_567_168, 0, 100, nil])
    }
}
