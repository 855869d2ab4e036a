public import EventModel
public import Observability

extension EventTrace {
    public init(_ context: TraceContext) {
        self.init(
            traceHigh: context.traceHigh, traceLow: context.traceLow, span: context.span, flags: context.flags)
    }

    /// The trace that a delivery belongs to whose event came without one: the event itself.
    public init(of event: EventID, span: UInt64) {
        self.init(traceHigh: event.ulid.high, traceLow: event.ulid.low, span: span == 0 ? 1 : span, flags: 0)
    }

    /// The value of a `traceparent` header.
    public var traceparent: String {
        var text: [UInt8] = Array("00-".utf8)
        text.reserveCapacity(TraceContext.textLength)
        for number in [traceHigh, traceLow] { Self.append(number, digits: 16, to: &text) }
        text.append(UInt8(ascii: "-"))
        Self.append(span, digits: 16, to: &text)
        text.append(UInt8(ascii: "-"))
        Self.append(UInt64(flags), digits: 2, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Hexadecimal, lower case.
    static func append(_ number: UInt64, digits: Int, to text: inout [UInt8]) {
        for digit in (0..<digits).reversed() {
            let nibble = UInt8(truncatingIfNeeded: number >> UInt64(digit * 4) & 15)
            text.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
        }
    }
}
