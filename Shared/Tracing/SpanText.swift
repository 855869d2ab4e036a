internal import EventCodec
internal import EventModel

/// Spans as OTLP/HTTP's JSON (`ExportTraceServiceRequest`; ids in hexadecimal, times as text, by the protocol's rules for
/// JSON).
enum SpanText {
    static func write(_ spans: [TraceSpan], service: String, version: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 512 * spans.count + 512)
        writer.object { writer in
            writer.member(
                "resourceSpans",
                array: { writer in
                    writer.object { writer in
                        writer.member(
                            "resource",
                            object: { writer in
                                writer.member(
                                    "attributes",
                                    array: { writer in
                                        attribute("service.name", .string(service), &writer)
                                        attribute("service.version", .string(version), &writer)
                                    })
                            })
                        writer.member(
                            "scopeSpans",
                            array: { writer in
                                writer.object { writer in
                                    writer.member("scope", object: { $0.member("name", "fanfare") })
                                    writer.member(
                                        "spans", array: { writer in for span in spans { write(span, &writer) } })
                                }
                            })
                    }
                })
        }
        return writer.bytes
    }

    private static func write(_ span: TraceSpan, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("traceId", hex([span.trace.traceHigh, span.trace.traceLow]))
            writer.member("spanId", hex([span.trace.span]))
            if span.parent != 0 { writer.member("parentSpanId", hex([span.parent])) }
            writer.member("name", span.name.description)
            writer.member("kind", span.kind.rawValue)
            writer.member("startTimeUnixNano", nanoseconds(span.start))
            writer.member("endTimeUnixNano", nanoseconds(span.end))
            writer.member(
                "attributes",
                array: { writer in
                    for (name, value) in span.attributes { attribute(name.description, value, &writer) }
                })
            if let error = span.error {
                // 2: STATUS_CODE_ERROR.
                writer.member(
                    "status",
                    object: {
                        $0.member("code", 2)
                        $0.member("message", error)
                    })
            }
        }
    }

    private static func attribute(_ name: String, _ value: TraceSpan.Value, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("key", name)
            writer.member(
                "value",
                object: { writer in
                    switch value {
                    case .string(let text): writer.member("stringValue", text)
                    case .int(let number): writer.member("intValue", String(number))
                    }
                })
        }
    }

    private static func nanoseconds(_ time: Timestamp) -> String { "\(time.microseconds)000" }

    private static func hex(_ numbers: [UInt64]) -> String {
        var text: [UInt8] = []
        for number in numbers { EventTrace.append(number, digits: 16, to: &text) }
        return String(decoding: text, as: UTF8.self)
    }
}
