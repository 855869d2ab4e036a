import EventCodec
import EventModel
import Testing

@Suite struct EnvelopeTests {
    private let id = EventID(Ulid(high: 0x019E_B42C_5A00_1234, low: 0x5678_9ABC_DEF0_1234))
    private let time = Timestamp(milliseconds: 1_781_164_800_000)

    private func write(smith: SmithID?, data: String) throws -> String {
        String(
            decoding: EnvelopeWriter.write(
                id: id, type: try #require(EventType("run.completed")), createdAt: time,
                tenant: try #require(TenantID("ten_a")), smith: smith, data: Array(data.utf8)), as: UTF8.self)
    }

    @Test func `the envelope is seed 0's, to the byte`() throws {
        let text = try write(smith: SmithID("smt_1"), data: #"{ "stop_reason": "end_turn" }"#)
        #expect(
            text
                == #"{"v":1,"id":"\#(id)","type":"run.completed","created_at":"2026-06-11T08:00:00.000Z","#
                + #""tenant_id":"ten_a","smith_id":"smt_1","data":{ "stop_reason": "end_turn" }}"#)
    }

    @Test func `all seven keys stand there without a smith too`() throws {
        #expect(try write(smith: nil, data: "null").hasSuffix(#","tenant_id":"ten_a","smith_id":null,"data":null}"#))
    }

    @Test func `data is spliced byte for byte`() throws {
        let data = #"{"a":1,"a":2 , "\u0000":"\ud83d\ude00", "n":1.0e+00}"#
        #expect(try write(smith: nil, data: data).hasSuffix(#""data":\#(data)}"#))
    }

    @Test func `a smith's name is escaped`() throws {
        let text = try write(smith: SmithID(#"a"b\c é"#), data: "{}")
        #expect(text.contains(#""smith_id":"a\"b\\c é""#))
        try JSONScanner.validate(Array(text.utf8))
    }

    @Test func `an envelope is read back`() throws {
        let smith = try #require(SmithID(#"sm"1\"#))
        let bytes = Array(try write(smith: smith, data: "[1]").utf8)
        let envelope = try Envelope(reading: bytes)
        #expect(envelope.id == id)
        #expect(envelope.type.text == "run.completed")
        #expect(envelope.createdAt == time)
        #expect(envelope.tenant.text == "ten_a")
        #expect(envelope.smith == smith)
        #expect(String(decoding: bytes[envelope.data], as: UTF8.self) == "[1]")
    }

    @Test func `keys of a later version are passed over`() throws {
        let text = try write(smith: nil, data: "{}").replacing(#"{"v":1,"#, with: #"{"v":1,"new":{"id":1},"#)
        #expect(try Envelope(reading: Array(text.utf8)).id == id)
    }

    @Test(arguments: [
        (#""v":1"#, #""v":2"#, "v"), (#""v":1"#, #""v":"1""#, "v"), (#""evt_"#, #""wh_"#, "id"),
        (#""run.completed""#, #""run..x""#, "type"), (#""run.completed""#, "7", "type"),
        ("2026-06-11T", "2026-13-11T", "created_at"), (#""ten_a""#, #""""#, "tenant_id"),
        (#""smith_id":null,"#, "", "smith_id"), (#""smith_id":null"#, #""smith_id":1"#, "smith_id"),
        (#","data":{}"#, "", "data"),
    ])
    func `an envelope with a wrong field is refused by name`(old: String, new: String, field: String) throws {
        let text = try write(smith: nil, data: "{}").replacing(old, with: new)
        #expect(throws: EnvelopeError.invalid(field: field)) { try Envelope(reading: Array(text.utf8)) }
    }

    @Test func `what is no JSON is no envelope`() {
        #expect(throws: EnvelopeError.malformed(JSONError(.unexpectedEnd, at: 1))) { try Envelope(reading: [0x7B]) }
    }
}
