import EventCodec
import EventModel
import Testing

@Suite struct PublishParserTests {
    static let now = Timestamp(milliseconds: 1_781_164_800_000)

    private func parse(
        _ text: String, _ format: PublishParser.Format = .json, key: String? = nil,
        limits: PublishParser.Limits = .init()
    ) throws -> PublishedBody {
        try PublishParser(limits: limits).parse(Array(text.utf8), format: format, headerKey: key, now: Self.now)
    }

    private func expectError(
        _ code: PublishError.Code, param: String? = nil, index: Int? = nil, _ text: String,
        _ format: PublishParser.Format = .json, key: String? = nil, limits: PublishParser.Limits = .init(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: PublishError.self, sourceLocation: sourceLocation) {
            try parse(text, format, key: key, limits: limits)
        }
        #expect(error?.code == code, sourceLocation: sourceLocation)
        #expect(error?.param == param, sourceLocation: sourceLocation)
        #expect(error?.index == index, sourceLocation: sourceLocation)
    }

    // MARK: One event

    @Test func `one event with everything`() throws {
        let text =
            #" {"data": {"a" : 1} , "type":"run.completed","smith_id":"smt_1","created_at":"2026-06-11T07:59:59.5Z","#
            + #""idempotency_key":"k 1"} "#
        let body = try parse(text)
        #expect(body.form == .single)
        let event = try #require(body.events.first)
        #expect(event.type.text == "run.completed")
        #expect(event.smith?.text == "smt_1")
        #expect(event.createdAt == Timestamp(milliseconds: 1_781_164_799_500))
        #expect(!event.isCreatedHere)
        #expect(event.key == IdempotencyKey("k 1"))
        #expect(String(decoding: Array(text.utf8)[event.data], as: UTF8.self) == #"{"a" : 1}"#)
    }

    @Test func `the optional fields may be absent or null`() throws {
        for text in [
            #"{"type":"a","data":{}}"#,
            #"{"type":"a","data":{},"smith_id":null,"created_at":null,"idempotency_key":null}"#,
        ] {
            let event = try #require(try parse(text).events.first)
            #expect(event.smith == nil)
            #expect(event.key == nil)
            #expect(event.createdAt == Self.now)
            #expect(event.isCreatedHere)
        }
    }

    @Test(arguments: ["{}", "[]", "null", "0", "\"\"", "false", #"{"a":1,"a":2,"type":7}"#])
    func `data is any JSON value`(data: String) throws {
        let text = #"{"type":"a","data":\#(data)}"#
        let event = try #require(try parse(text).events.first)
        #expect(String(decoding: Array(text.utf8)[event.data], as: UTF8.self) == data)
    }

    @Test func `escaped keys and types are what they say`() throws {
        let event = try #require(try parse(#"{"t\u0079pe":"run\u002edone","data":1}"#).events.first)
        #expect(event.type.text == "run.done")
    }

    @Test func `fields at fault are named`() {
        expectError(.missingField, param: "type", #"{"data":{}}"#)
        expectError(.missingField, param: "data", #"{"type":"a"}"#)
        expectError(.unknownField, param: "idempotencyKey", #"{"type":"a","data":1,"idempotencyKey":"x"}"#)
        expectError(.unknownField, param: "a\"b", #"{"a\"b":1,"type":"a","data":1}"#)
        expectError(.duplicateField, param: "type", #"{"type":"a","data":1,"type":"a"}"#)
        expectError(.duplicateField, param: "data", #"{"type":"a","data":1,"d\u0061ta":2}"#)
        for type in ["\"\"", "\"a..b\"", "\".a\"", "\"a.\"", "\"a b\"", "\"é\"", "7", "null", "[\"a\"]", "\"a\\n\""] {
            expectError(.invalidField, param: "type", #"{"type":\#(type),"data":1}"#)
        }
        expectError(.invalidField, param: "type", #"{"type":"\#(String(repeating: "a", count: 129))","data":1}"#)
        for smith in ["\"\"", "7", "{}", #""a\nb""#, #""a\u200eb""#, "\"\(String(repeating: "é", count: 65))\""] {
            expectError(.invalidField, param: "smith_id", #"{"type":"a","data":1,"smith_id":\#(smith)}"#)
        }
        for key in ["\"\"", "7", #""a\tb""#, "\"é\"", "\"\(String(repeating: "k", count: 256))\""] {
            expectError(.invalidField, param: "idempotency_key", #"{"type":"a","data":1,"idempotency_key":\#(key)}"#)
        }
        for time in ["\"\"", "7", "\"yesterday\"", "\"2026-06-11\"", "\"2026-06-11T08:01:00.001Z\""] {
            expectError(.invalidField, param: "created_at", #"{"type":"a","data":1,"created_at":\#(time)}"#)
        }
    }

    @Test func `values at the limits pass`() throws {
        let type = String(repeating: "a", count: 128)
        let smith = String(repeating: "é", count: 64)
        let key = String(repeating: "~", count: 255)
        let event = try #require(
            try parse(#"{"type":"\#(type)","data":1,"smith_id":"\#(smith)","idempotency_key":"\#(key)"}"#).events.first)
        #expect(event.type.text == type)
        #expect(event.smith?.text == smith)
        #expect(event.key?.text == key)
    }

    @Test func `a clock that is a minute ahead is set right`() throws {
        for time in ["2026-06-11T08:00:00.001Z", "2026-06-11T08:01:00Z", "2026-06-11T10:01:00+02:00"] {
            let event = try #require(try parse(#"{"type":"a","data":1,"created_at":"\#(time)"}"#).events.first)
            #expect(event.createdAt == Self.now)
            #expect(event.isCreatedHere)
        }
    }

    // MARK: Bodies

    @Test(arguments: [
        "", " ", "{", #"{"type":"a","data":1"#, #"{"type":"a","data":1}x"#, "[", "nope", "[{", "\u{FEFF}{}",
    ])
    func `what is no JSON is malformed`(text: String) {
        let error = #expect(throws: PublishError.self) { try parse(text) }
        #expect(error?.code == .malformedJSON)
    }

    @Test(arguments: ["1", "null", "\"a\"", "true"])
    func `what is no event is an invalid body`(text: String) {
        expectError(.invalidBody, text)
        expectError(.invalidBody, index: 1, #"[{"type":"a","data":1},\#(text)]"#)
    }

    @Test func `broken JSON is told before missing fields`() {
        expectError(.malformedJSON, #"{"nope":1,"#)
        expectError(.malformedJSON, index: 0, #"[{"nope":1,]"#)
    }

    @Test func `a batch keeps its order and names the index at fault`() throws {
        let body = try parse(#"[{"type":"a","data":1}, {"type":"b","data":2}]"#)
        #expect(body.form == .batch)
        #expect(body.events.map(\.type.text) == ["a", "b"])
        #expect(try parse(#"[{"type":"a","data":1}]"#).form == .batch)
        expectError(.emptyBatch, "[]")
        expectError(.missingField, param: "data", index: 1, #"[{"type":"a","data":1},{"type":"b"}]"#)
        expectError(.malformedJSON, #"[{"type":"a","data":1},]"#.replacing(",]", with: " x]"))
        expectError(.malformedJSON, #"[{"type":"a","data":1}]]"#)
        let error = #expect(throws: PublishError.self) { try parse(#"[{"type":"a","data":1},{"type":7,"data":1}]"#) }
        #expect(error?.path == "[1].type")
    }

    @Test func `NDJSON is one event a line`() throws {
        let body = try parse("{\"type\":\"a\",\"data\":1}\r\n\n  \n{\"type\":\"b\",\"data\":2}", .ndjson)
        #expect(body.form == .batch)
        #expect(body.events.map(\.type.text) == ["a", "b"])
        #expect(try parse("{\"type\":\"a\",\"data\":1}\n", .ndjson).form == .batch)
        expectError(.emptyBatch, "", .ndjson)
        expectError(.emptyBatch, "\n\r\n", .ndjson)
        expectError(.malformedJSON, index: 1, "{\"type\":\"a\",\"data\":1}\n{\"type\":\"b\",\n\"data\":2}", .ndjson)
        expectError(.malformedJSON, index: 0, #"{"type":"a","data":1} {"type":"b","data":2}"#, .ndjson)
        expectError(.invalidBody, index: 0, "[]\n", .ndjson)
        expectError(.unknownField, param: "x", index: 1, "{\"type\":\"a\",\"data\":1}\n{\"x\":1}", .ndjson)
    }

    @Test func `spans of NDJSON count from the body's beginning`() throws {
        let text = "{\"type\":\"a\",\"data\":1}\n{\"type\":\"b\",\"data\":[2]}\n"
        let events = try parse(text, .ndjson).events
        #expect(events.map { String(decoding: Array(text.utf8)[$0.data], as: UTF8.self) } == ["1", "[2]"])
    }

    // MARK: Limits

    @Test func `sizes and counts are bounded`() throws {
        var limits = PublishParser.Limits()
        limits.eventBytes = 30
        limits.bodyBytes = 60
        limits.events = 2
        let event = #"{"type":"a","data":"12345678"}"#
        #expect(event.utf8.count == 30)
        _ = try parse(" \(event)\n", limits: limits)
        expectError(.eventTooLarge, #"{"type":"a","data":"123456789"}"#, limits: limits)
        expectError(
            .eventTooLarge, index: 1, #"[{"type":"a","data":1},{"type":"a","data":"123456789"}]"#, limits: limits)
        expectError(.bodyTooLarge, String(repeating: " ", count: 61), limits: limits)
        limits.bodyBytes = 1_000
        expectError(.tooManyEvents, "[\(event),\(event),\(event)]", limits: limits)
        expectError(.tooManyEvents, "\(event)\n\(event)\n\(event)", .ndjson, limits: limits)
        #expect(PublishError(.bodyTooLarge, "").isAboutSize)
        #expect(!PublishError(.tooManyEvents, "").isAboutSize)
    }

    @Test func `an event is at most 64 deep, its own object counted, in a batch too`() throws {
        let event = { (depth: Int) in
            #"{"type":"a","data":\#(String(repeating: "[", count: depth - 1))\#(String(repeating: "]", count: depth - 1))}"#
        }
        _ = try parse(event(64))
        _ = try parse("[\(event(64))]")
        expectError(.tooDeep, event(65))
        expectError(.tooDeep, index: 0, "[\(event(65))]")
    }

    // MARK: Keys

    @Test func `a header's key is the single event's`() throws {
        #expect(try parse(#"{"type":"a","data":1}"#, key: "k").events[0].key == IdempotencyKey("k"))
        #expect(
            try parse(#"{"type":"a","data":1,"idempotency_key":"k"}"#, key: "k").events[0].key == IdempotencyKey("k"))
        expectError(
            .idempotencyKeyMismatch, param: "idempotency_key", #"{"type":"a","data":1,"idempotency_key":"k"}"#, key: "l"
        )
        expectError(.invalidField, param: "Idempotency-Key", #"{"type":"a","data":1}"#, key: "")
        expectError(.invalidField, param: "Idempotency-Key", #"{"type":"a","data":1}"#, key: "é")
    }

    @Test func `a header's key stands with the index for each event of a batch that has none`() throws {
        let events = try parse(
            #"[{"type":"a","data":1},{"type":"a","data":1,"idempotency_key":"own"},{"type":"a","data":1}]"#, key: "k"
        ).events
        #expect(events.map(\.key?.text) == ["k", "own", "k"])
        #expect(events.map(\.key?.index) == [0, nil, 2])
    }

    @Test func `no two keys share their hash's bytes`() throws {
        let tenants = try ["a", "ab"].map { try #require(TenantID($0)) }
        var seen: Set<[UInt8]> = []
        for tenant in tenants {
            for key in ["b", "bb", "\0\0\0\u{1}", "k"] {
                for index in [nil, 0, 1, 256] as [Int?] {
                    let material = DedupeKey.material(tenant: tenant, door: "events", key: key, index: index)
                    #expect(seen.insert(material).inserted)
                    #expect(
                        seen.insert(DedupeKey.material(tenant: tenant, door: "generic", key: key, index: index))
                            .inserted)
                }
            }
        }
    }
}
