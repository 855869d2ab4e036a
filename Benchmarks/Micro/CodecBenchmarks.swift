internal import Crypto
internal import EventCodec
internal import EventModel

/// Reading what is published and making envelopes.
struct CodecBenchmarks {
    private let data: [UInt8]
    private let event: [UInt8]
    private let batch: [UInt8]
    private let envelope: [UInt8]
    private let type: EventType
    private let tenant: TenantID
    private let smith: SmithID
    private let id = EventID(Ulid(high: 0x019E_B42C_5A00_1234, low: 0x5678_9ABC_DEF0_1234))
    private let now = Timestamp(milliseconds: 1_781_164_800_000)

    init?() {
        guard let type = EventType("run.completed"), let tenant = TenantID("ten_01J0000000000000000000000A"),
            let smith = SmithID("smt_01J0000000000000000000000A")
        else { return nil }
        self.type = type
        self.tenant = tenant
        self.smith = smith
        let text = """
            {"run_id":"run_8f2c1d","thread_id":"thr_77","stop_reason":"end_turn","usage":{"input_tokens":1834,\
            "output_tokens":402,"cached":true},"output":"The invoice of \\"ACME\\" was matched with the order; two lines \
            differ by 0.4 % and were sent for approval.","tools":["crm.search","erp.lookup","mail.draft"],"cost":0.0184,\
            "tags":["finance","eu"],"parent":null}
            """
        data = Array(text.utf8)
        envelope = EnvelopeWriter.write(
            id: id, type: type, createdAt: now, tenant: tenant, smith: smith, data: data)
        let head =
            #"{"type":"run.completed","smith_id":"smt_01J0000000000000000000000A","idempotency_key":"8f2c1d77","data":"#
        let published = Array(head.utf8) + data + [0x7D]
        event = published
        batch = [0x5B] + Array((0..<100).map { _ in published }.joined(separator: [0x2C])) + [0x5D]
    }

    func run(_ harness: inout Harness) {
        let parser = PublishParser()
        harness.measure("scan an envelope of \(envelope.count) bytes", limit: 3_000) {
            consume(try? JSONScanner.validate(envelope))
        }
        harness.measure("read an envelope's head") { consume(try? Envelope(reading: envelope)) }
        harness.measure("parse a published event of \(event.count) bytes", limit: 5_000) {
            consume(try? parser.parse(event, now: now))
        }
        harness.measure("parse a batch of 100 events") { consume(try? parser.parse(batch, now: now)) }
        harness.measure("write an envelope", limit: 3_000) {
            consume(
                EnvelopeWriter.write(id: id, type: type, createdAt: now, tenant: tenant, smith: smith, data: data))
        }
        harness.measure("read it as a tree") { consume(try? JSONValue(parsing: envelope)) }
        var maker = EventIDMaker(random: { SecureRandom.fill(&$0) })
        harness.measure("make an event id") { consume(maker.ulid(at: now)) }
        harness.measure("format a time") { consume(RFC3339.format(now)) }
        harness.measure("parse a time") { consume(RFC3339.parse("2026-06-11T08:00:00.000Z")) }
        let cursor = FeedCursor(epoch: 1, pos: 123_456_789)
        let text = cursor.text
        harness.measure("write a cursor") { consume(cursor.text) }
        harness.measure("parse a cursor") { consume(try? FeedCursor(parsing: text)) }
    }
}
