import EventCodec
import EventModel
import Observability
import TestSupport
import Testing

@testable import Tracing

struct TracerTests {
    private static let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private func tracer(
        _ collector: String?, share: Double = 0, _ change: (inout Tracer.Configuration) -> Void = { _ in }
    ) throws -> (Tracer, MetricsRegistry) {
        var configuration = Tracer.Configuration(collector: collector, share: share)
        configuration.interval = .milliseconds(10)
        change(&configuration)
        let metrics = MetricsRegistry()
        return (
            try Tracer(
                configuration, service: "fanfare-test", version: "1", logger: TestDatabase.quietLogger, metrics: metrics
            ),
            metrics
        )
    }

    private func span(_ trace: EventTrace, parent: UInt64 = 7, error: String? = nil) -> TraceSpan {
        TraceSpan(
            "deliver", kind: .client, trace: trace, parent: parent, start: Timestamp(microseconds: 1_000_001),
            end: Timestamp(microseconds: 1_002_003),
            attributes: [("fanfare.attempt", .int(2)), ("fanfare.event_id", .string("evt_1"))], error: error)
    }

    private func count(_ metrics: MetricsRegistry, _ result: String) -> Double {
        var bytes: [UInt8] = []
        metrics.render(into: &bytes)
        return MetricsText(String(decoding: bytes, as: UTF8.self)).total(
            "fanfare_trace_spans_total", ["result": result])
    }

    @Test func `a trace survives its record's bytes, and nonsense is none`() throws {
        let trace = EventTrace(traceHigh: 1, traceLow: .max, span: 0x0102_0304_0506_0708, flags: 1)
        #expect(trace.bytes.count == EventTrace.byteCount)
        #expect(EventTrace(trace.bytes) == trace)
        #expect(EventTrace(trace.bytes.dropLast()) == nil)
        #expect(EventTrace([UInt8](repeating: 0, count: EventTrace.byteCount)) == nil)
        #expect(
            trace.traceparent == "00-0000000000000001ffffffffffffffff-0102030405060708-01")
    }

    @Test func `a sender's trace is gone on with, whether anything is traced or not`() throws {
        let (tracer, _) = try tracer(nil)
        let (trace, parent) = try #require(tracer.adopt(Self.traceparent))
        #expect(parent == 0xb7ad_6b71_6920_3331)
        #expect(trace.traceparent.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-"))
        #expect(trace.traceparent.hasSuffix("-01"))
        #expect(trace.span != parent)
        #expect(tracer.adopt("00-nonsense") == nil)
        #expect(tracer.adopt(nil) == nil)
    }

    @Test func `a share of the others begins a trace, where there is a collector`() throws {
        #expect(try tracer("http://127.0.0.1:9/v1/traces", share: 1).0.adopt(nil)?.trace.isSampled == true)
        #expect(try tracer(nil, share: 1).0.adopt(nil) == nil)
        #expect(throws: TracingError.self) { try tracer("ftp://collector/") }
    }

    @Test(.timeLimit(.minutes(1))) func `spans arrive at the collector as OTLP's JSON`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let (tracer, metrics) = try tracer(receiver.url + "v1/traces")
        let trace = EventTrace(traceHigh: 0xA, traceLow: 0xB, span: 0xC, flags: 1)
        async let running: Void = tracer.run()
        tracer.record(span(trace, error: "timeout"), of: trace)
        var unsampled = trace
        unsampled.flags = 0
        tracer.record(span(unsampled), of: unsampled)
        try await eventually("it is exported") { count(metrics, "exported") == 1 }
        tracer.shutdown()
        await running
        let request = try #require(receiver.requests.values.first)
        #expect(request.header("Content-Type") == "application/json")
        let body = try JSONValue(parsing: request.body)
        guard case .array(let resources)? = body["resourceSpans"],
            case .array(let scopes)? = resources[0]["scopeSpans"],
            case .array(let spans)? = scopes[0]["spans"]
        else { throw Missing(what: "spans") }
        #expect(spans.count == 1)
        #expect(spans[0]["traceId"] == .string("000000000000000a000000000000000b"))
        #expect(spans[0]["spanId"] == .string("000000000000000c"))
        #expect(spans[0]["parentSpanId"] == .string("0000000000000007"))
        #expect(spans[0]["startTimeUnixNano"] == .string("1000001000"))
        #expect(spans[0]["status"]?["message"] == .string("timeout"))
        guard case .array(let attributes)? = resources[0]["resource"]?["attributes"] else {
            throw Missing(what: "the resource")
        }
        #expect(attributes[0]["value"]?["stringValue"] == .string("fanfare-test"))
        receiver.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `what does not fit is dropped and counted, and a dead collector stops nobody`()
        async throws
    {
        let (tracer, metrics) = try tracer("http://127.0.0.1:\(FreePorts.one())/v1/traces") { $0.capacity = 10 }
        let trace = EventTrace(traceHigh: 1, traceLow: 1, span: 1, flags: 1)
        for _ in 0..<15 { tracer.record(span(trace), of: trace) }
        #expect(count(metrics, "dropped") == 5)
        async let running: Void = tracer.run()
        try await eventually("they are given up") { count(metrics, "failed") == 10 }
        tracer.shutdown()
        await running
    }
}

/// What an answer should have had.
private struct Missing: Error {
    let what: String
}
