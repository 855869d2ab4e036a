internal import Database
internal import EventCodec
internal import EventModel
internal import ServiceKit
internal import TestSupport
internal import Testing

@testable internal import ToolService

/// What the commands for webhooks, dead letters, jobs and traces ask and print.
@Suite struct DeliveryCommandTests {
    private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    private func request(_ words: String...) throws -> String {
        let arguments = try Arguments(words, for: JobCommands.start.spec)
        return String(
            decoding: try JobCommands.request(arguments, now: Timestamp(seconds: 1_780_000_000)), as: UTF8.self)
    }

    @Test func `a job is asked for by what the options say`() throws {
        #expect(
            try request("replay", "--webhook", "wh_1", "--from", "1h", "--to", "2026-05-28T20:00:00Z", "--rate", "50")
                == #"{"action":"replay","webhook_id":"wh_1","from":"2026-05-28T19:26:40.000Z","to":"2026-05-28T20:00:00Z","rate_per_s":50}"#
        )
        #expect(
            try request("redrive", "--type", "run", "--type", "slack.*", "--error", "http_5xx", "--dry-run")
                == #"{"action":"redrive","types":["run","slack.*"],"error_class":"http_5xx","dry_run":true}"#)
        #expect(throws: ToolError.self) { try request("explode") }
        #expect(throws: ToolError.self) { try request("replay", "--rate", "0") }
        #expect(throws: ToolError.self) { try request("replay", "--from", "yesterday") }
    }

    @Test func `a job's progress is told by what is known of it`() throws {
        let running = try json(
            #"{"id":"job_1","action":"replay","state":"running","matched":64,"exact":false,"progress":0.5,"sent":32,"delivered":30,"failed":2,"rate":12.34}"#
        )
        #expect(JobText.share(running) == 0.5)
        #expect(
            JobText.line(running)
                == "job_1  replay   running     50 %  of about 64  32 sent  30 delivered  2 failed  12.3/s")
        #expect(!JobText.hasEnded(running))
        let unknown = try json(#"{"state":"running","sent":3}"#)
        #expect(JobText.share(unknown) == nil)
        let done = try json(#"{"state":"done","matched":7,"exact":true,"sent":3}"#)
        #expect(JobText.share(done) == 1 && JobText.hasEnded(done) && JobText.isGood(done))
        #expect(JobText.count(done) == "7")
        let cancelled = try json(#"{"state":"cancelled","progress":0.25}"#)
        #expect(JobText.hasEnded(cancelled) && !JobText.isGood(cancelled) && JobText.share(cancelled) == 0.25)
        #expect(JobText.bar(0.5, width: 4) == "[##··]")
        #expect(JobText.bar(nil, width: 3) == "[···]")
    }

    @Test func `a webhook is asked for by what the options say`() throws {
        func request(_ words: String...) throws -> String {
            let arguments = try Arguments(words, for: WebhookCommands.create.spec)
            return String(decoding: try WebhookCommands.request(arguments), as: UTF8.self)
        }
        #expect(try request("https://a.example") == #"{"url":"https://a.example","events":[]}"#)
        let folder = try TestFolders.temporary("pem")
        try Files.write("PEM\n", to: "\(folder)/file.pem", mode: 0o600)
        #expect(
            try request(
                "u", "--event", "run", "--event", "slack.*", "--schedule", "0,5", "--verify", "--paused", "--header",
                "X-A:  b: c", "--client-certificate", "\(folder)/file.pem", "--client-key", "\(folder)/file.pem",
                "--v1a")
                == #"{"url":"u","events":["run","slack.*"],"schedule":[0,5],"headers":{"X-A":"b: c"},"client_certificate":{"certificate":"PEM\n","key":"PEM\n"},"v1a":true,"verify":true,"active":false}"#
        )
        #expect(throws: ToolError.self) { try request("u", "--client-key", "\(folder)/file.pem") }
        #expect(throws: ToolError.self) { try request("u", "--ca-bundle", "\(folder)/none.pem") }
        #expect(throws: ToolError.self) { try request("u", "--header", "nonsense") }
    }

    @Test func `a schedule is seconds`() throws {
        #expect(try WebhookCommands.schedule("0,30,120") == [0, 30, 120])
        for bad in ["", "1,", "x", "-1", "90000"] {
            #expect(throws: ToolError.self) { try WebhookCommands.schedule(bad) }
        }
    }

    @Test func `a trace shows each delivery below its webhook`() throws {
        let webhook = try json(
            #"""
            {"webhook_id":"wh_1","url":"https://a.example","matched":true,"reason":null,"deliveries":[{"id":"dlv_1",
            "state":"dead","reason":"exhausted","cause":"live","history":[{"attempt":1,"started_at":"T1","total_ms":5.1,
            "status":500,"error_class":"http_5xx","verdict":"retrying","next_attempt_at":"T2"},{"attempt":2,
            "started_at":"T2","total_ms":null,"status":null,"error_class":"timeout","verdict":"dead"}]}]}
            """#)
        #expect(
            TraceCommand.text(of: webhook)
                == """
                wh_1  matched  https://a.example
                  dlv_1  dead: exhausted
                    T1  1  retrying  500 in 5.1 ms, next T2
                    T2  2  dead  timeout
                """)
        let other = try json(#"{"webhook_id":"wh_2","url":"u","matched":false,"reason":"type","deliveries":[]}"#)
        #expect(TraceCommand.text(of: other) == "wh_2  no: type  u")
        let waiting = try json(#"{"webhook_id":"wh_3","url":"u","matched":true,"deliveries":[]}"#)
        #expect(TraceCommand.text(of: waiting).hasSuffix("\n  waits for its first attempt"))
        func byCursor(_ isWaiting: Bool) throws -> String {
            let cursor = #"{"id":"cur_1","from":7,"until":null,"pos":9,"waiting":\#(isWaiting)}"#
            return TraceCommand.text(
                of: try json(#"{"webhook_id":"wh_4","url":"u","matched":true,"cursor":\#(cursor),"deliveries":[]}"#))
        }
        #expect(try byCursor(true).hasSuffix("\n  waits for a cursor, which catches up from 7 and has come to 9"))
        #expect(try byCursor(false).hasSuffix("\n  came by a cursor, which catches up from 7"))
    }

    @Test func `an endpoint's health is a table`() throws {
        let rows = HealthText.rows(
            try json(
                #"""
                {"status":"active","attempts":{"count":500,"success_rate":0.8625,"p50_ms":12.5,"p99_ms":96},"in_flight":1,
                "waiting":0,"breaker":{"state":"open","since":"T1","next_probe_at":"T2"},"failing":{"failures":3,"since":"T0"},
                "errors":[{"class":"http_5xx","count":69,"last_at":"T3","last_status":503}]}
                """#))
        let table = Dictionary(rows.map { ($0.0, $0.1 ?? "") }) { first, _ in first }
        #expect(table["successes"] == "86.3 % of the last 500")
        #expect(table["latency"] == "p50 12.5 ms, p99 96 ms")
        #expect(table["breaker"] == "open since T1, next probe T2")
        #expect(table["failing"] == "3 times since T0")
        #expect(table["error"] == "http_5xx (503), 69 times, last T3")
    }

    @Test func `an id that could be a path is refused`() throws {
        func id(_ text: String) throws -> String {
            let arguments = try Arguments([text], for: TraceCommand.command.spec)
            return try CommandContext(
                arguments: arguments, environment: [:], console: Console(), shutdown: ShutdownSignal()
            ).id(0, prefix: "evt_", hint: "")
        }
        #expect(try id("evt_01M7Z") == "evt_01M7Z")
        for bad in ["wh_1", "evt_", "evt_1/../x", "evt_a?b", "evt_%41"] {
            #expect(throws: ToolError.self) { try id(bad) }
        }
    }

    @Test func `values of a query are escaped, empty ones left out`() {
        var query = QueryText()
        query.add("a", "1 2&3")
        query.add("b", nil)
        query.add("c", "")
        query.add("d", "é")
        #expect(query.text == "?a=1%202%263&d=%C3%A9")
    }
}
