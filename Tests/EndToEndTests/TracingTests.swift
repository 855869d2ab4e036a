import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// A sender's trace goes with the event to the endpoint, and the spans between them to the collector.
    @Suite struct TracingTests {
        private struct Span {
            let name: String
            let id: String
            let parent: String?
            let service: String
        }

        private static let sender = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        private static let trace = "0af7651916cd43dd8448eb211c80319c"

        private func text(_ value: JSONValue?) -> String? {
            guard case .string(let text)? = value else { return nil }
            return text
        }

        private func elements(_ value: JSONValue?) -> [JSONValue] {
            guard case .array(let elements)? = value else { return [] }
            return elements
        }

        /// The spans of our trace that the collector has.
        private func spans(_ collector: TestReceiver) throws -> [Span] {
            var spans: [Span] = []
            for request in collector.requests.values {
                let limits = JSONLimits(depth: 32, bytes: 8 << 20)
                for resource in elements(try JSONValue(parsing: request.body, limits: limits)["resourceSpans"]) {
                    let service = text(elements(resource["resource"]?["attributes"]).first?["value"]?["stringValue"])
                    for scope in elements(resource["scopeSpans"]) {
                        for span in elements(scope["spans"]) where text(span["traceId"]) == Self.trace {
                            spans.append(
                                Span(
                                    name: text(span["name"]) ?? "", id: text(span["spanId"]) ?? "",
                                    parent: text(span["parentSpanId"]), service: service ?? ""))
                        }
                    }
                }
            }
            return spans
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `one trace leads from the sender to the endpoint, over a retry`(backbone: TestBackbone) async throws {
            let collector = try TestReceiver { _ in [.answer(200)] }
            let installation = try await backbone.start(settings: [
                "tracing.collector = \(collector.url)v1/traces", "tracing.one-in = 0",
            ])
            // The first attempt fails, so that the trace has to survive where retries wait.
            let receiver = try TestReceiver { request in
                [.answer(request.header("X-IC-Attempt") == "1" ? 500 : 204)]
            }
            let webhook = try await installation.watch(receiver, events: ["traced"], #""schedule":[0,1]"#)
            let answer = try await installation.request(
                "POST", "/v1/events", #"{"type":"traced.one","data":{}}"#, headers: [("traceparent", Self.sender)])
            #expect(answer.status == 202)
            let event = try installation.string("id", of: answer)
            try await eventually("it is delivered at the second attempt", within: .seconds(40)) {
                try await installation.verdicts(event: event, webhook: webhook.id) == ["retrying", "delivered"]
            }
            let spans = try await eventually("its spans are at the collector", within: .seconds(30)) {
                let spans = try self.spans(collector)
                return spans.count >= 4 ? spans : nil
            }
            let accept = try #require(spans.first { $0.name == "accept" })
            #expect(accept.service == "fanfare-ingest")
            #expect(accept.parent == "b7ad6b7169203331")
            let fanOut = try #require(spans.first { $0.name == "fan-out" })
            #expect(fanOut.service == "fanfare-matcher" && fanOut.parent == accept.id)
            let attempts = spans.filter { $0.name == "deliver" }
            #expect(attempts.count == 2 && Set(attempts.map(\.id)).count == 2)
            #expect(attempts.allSatisfy { $0.parent == accept.id && $0.service == "fanfare-delivery" })
            // Each request carries the span of its attempt.
            let carried = receiver.requests.values.compactMap { $0.header("traceparent") }
            #expect(Set(carried) == Set(attempts.map { "00-\(Self.trace)-\($0.id)-01" }))
            // An event without a trace is one of its own, and nobody records it.
            let plain = try await installation.publish("traced.plain")
            try await eventually("it is delivered", within: .seconds(40)) {
                try await installation.verdicts(event: plain, webhook: webhook.id).last == "delivered"
            }
            let last = try #require(receiver.requests.values.last?.header("traceparent"))
            #expect(last.hasSuffix("-00") && !last.contains(Self.trace))
            // A job reads the feed, where the trace is kept.
            let live = receiver.requests.values.count
            let job = try await installation.startJob(
                #""action":"replay","webhook_id":"\#(webhook.id)","types":["traced.one"]"#)
            #expect(try await installation.jobEnd(job)["state"] == .string("done"))
            let replayed = try #require(receiver.requests.values.dropFirst(live).first)
            #expect(replayed.header("X-IC-Event-Id") == event)
            #expect(replayed.header("traceparent")?.hasPrefix("00-\(Self.trace)-") == true)
            receiver.stop()
            try await installation.down()
            collector.stop()
        }
    }
}
