internal import EventCodec
internal import Testing

@testable internal import ToolService

@Suite struct BenchTests {
    @Test func `percentiles are nearest ranks`() throws {
        let sorted = Array(Int64(1)...1000)
        #expect(LatencySample.percentile(0.5, of: sorted) == 500)
        #expect(LatencySample.percentile(0.99, of: sorted) == 990)
        #expect(LatencySample.percentile(0.999, of: sorted) == 999)
        #expect(LatencySample.percentile(1, of: sorted) == 1000)
        #expect(LatencySample.percentile(0.5, of: [7]) == 7)
        #expect(LatencySample.percentile(0, of: [7, 8]) == 7)
        #expect(LatencySample.percentile(0.5, of: [1, 2, 3]) == 2)
        var sample = LatencySample()
        #expect(sample.summary == nil)
        for value in sorted.reversed() { sample.add(value) }
        #expect(sample.summary == LatencySummary(p50: 500, p99: 990, p999: 999, maximum: 1000))
    }

    @Test(arguments: [200, 600, 10_000]) func `a body is JSON of the size that was asked for`(bytes: Int) throws {
        let body = BenchPlan.Template(bytes: bytes).body(id: 12_345, time: 12_345_678_901_234)
        _ = try JSONScanner.validate(body)
        #expect(body.count == bytes)
    }

    @Test func `a push is JSON of the size that was asked for, with its marks`() throws {
        let body = BenchPlan.Template(bytes: 8_192, door: .github).body(id: 12_345, time: 12_345_678_901_234)
        _ = try JSONScanner.validate(body)
        #expect(body.count == 8_192)
        #expect(BenchPlan.Template.marks(in: body)?.id == 12_345)
    }

    @Test func `the marks are found in a body and in the envelope around it`() throws {
        let body = BenchPlan.Template(bytes: 600).body(id: 42, time: 7_000_000_001)
        #expect(BenchPlan.Template.marks(in: body).map { [Int64($0.id), $0.time] } == [42, 7_000_000_001])
        let envelope = Array(#"{"v":1,"id":"evt_1","data":"#.utf8) + body + Array("}".utf8)
        #expect(BenchPlan.Template.marks(in: envelope)?.id == 42)
        #expect(BenchPlan.Template.marks(in: Array(#"{"bench_id":1}"#.utf8)) == nil)
        #expect(BenchPlan.Template.marks(in: []) == nil)
    }

    @Test func `numbers have the digits that were asked for`() {
        #expect(BenchReport.number(1234.5678, 2) == "1234.57")
        #expect(BenchReport.number(0.004, 2) == "0.00")
        #expect(BenchReport.number(0.05, 2) == "0.05")
        #expect(BenchReport.number(-0.5, 1) == "-0.5")
        #expect(BenchReport.number(7.6, 0) == "8")
    }
}

@Suite struct TailTests {
    @Test func `since is a time, or a duration before now`() throws {
        let now = try #require(RFC3339.parse("2026-01-31T12:00:00.000Z"))
        #expect(try TailCommand.time("2026-01-30T00:00:00Z", now: now) == "2026-01-30T00:00:00Z")
        #expect(try TailCommand.time("2h", now: now) == "2026-01-31T10:00:00.000Z")
        #expect(throws: ToolError.self) { try TailCommand.time("yesterday", now: now) }
    }

    @Test func `a folder is shown as a shell reads it`() {
        #expect(DemoCommand.shellText("/srv/x-1_2.d") == "/srv/x-1_2.d")
        #expect(DemoCommand.shellText("a b") == "'a b'")
        #expect(DemoCommand.shellText("it's") == #"'it'\''s'"#)
        #expect(DemoCommand.shellText("") == "''")
    }

    @Test func `a query is escaped`() throws {
        #expect(
            try TailCommand.query(types: ["slack.*", "run"], smith: "a b&c", since: nil)
                == "type=slack.%2A&type=run&smith_id=a%20b%26c")
        #expect(try TailCommand.query(types: [], smith: nil, since: nil) == "")
    }

    @Test func `a line shows what matters, and anything else as it is`() {
        let envelope =
            #"{"v":1,"id":"evt_01M7ZBQN06EM536R999WNX390Q","type":"run.failed","#
            + #""created_at":"2026-11-21T15:31:24.806Z","tenant_id":"ten_01M7ZBQMQ6KQD9KD38AWW9GKTG","#
            + #""smith_id":"smt_1","data":{"a":1}}"#
        #expect(
            TailCommand.line(Array(envelope.utf8))
                == #"15:31:24.806  evt_01M7ZBQN06EM536R999WNX390Q  run.failed  smt_1  {"a":1}"#)
        #expect(TailCommand.line(Array("what".utf8)) == "what")
    }

    @Test func `data is the sample, a text, or nothing that is not JSON`() throws {
        #expect(try EmitCommand.data(nil, type: "run.completed").starts(with: Array("{\"stop_reason\"".utf8)))
        #expect(try EmitCommand.data(nil, type: "my.own") == Array("{}".utf8))
        #expect(try EmitCommand.data(" [1, 2] ", type: "my.own") == Array("[1, 2]".utf8))
        #expect(throws: ToolError.self) { try EmitCommand.data("{a}", type: "my.own") }
        #expect(throws: ToolError.self) { try EmitCommand.data("@/no/such", type: "my.own") }
        #expect(throws: ToolError.self) { try EmitCommand.data("{}", type: "not a type") }
    }
}
