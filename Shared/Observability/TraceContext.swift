/// The position in a distributed trace, as W3C Trace Context carries it in `traceparent`
/// (`00-<32 hex>-<16 hex>-<2 hex>`).
public struct TraceContext: Hashable, Sendable {
    /// 128 bits that every span of the trace shares; never all zero.
    public let traceHigh: UInt64
    public let traceLow: UInt64
    /// The span that whoever receives this is a child of; never zero.
    public let span: UInt64
    /// Bit 0: the caller records this trace. The other bits are kept as they came.
    public let flags: UInt8

    public var isSampled: Bool { flags & 1 == 1 }

    /// The header's length, in bytes.
    public static let textLength = 55

    /// A new trace.
    public static func root(sampled: Bool = false) -> TraceContext {
        var generator = SystemRandomNumberGenerator()
        return root(sampled: sampled, using: &generator)
    }

    /// A new trace with numbers of `generator`'s.
    public static func root(sampled: Bool = false, using generator: inout some RandomNumberGenerator) -> TraceContext {
        TraceContext(
            traceHigh: generator.next(), traceLow: nonZero(&generator), span: nonZero(&generator),
            flags: sampled ? 1 : 0)
    }

    /// The next span of this trace.
    public func child() -> TraceContext {
        var generator = SystemRandomNumberGenerator()
        return child(using: &generator)
    }

    /// The next span of this trace, with a number of `generator`'s.
    public func child(using generator: inout some RandomNumberGenerator) -> TraceContext {
        TraceContext(
            traceHigh: traceHigh, traceLow: traceLow, span: TraceContext.nonZero(&generator), flags: flags)
    }

    /// Reads a `traceparent` header; nil where the recommendation says to ignore it and start a new trace
    /// (§3.2.2: lower-case hexadecimal, no zero ids, version not ff; later versions may be longer).
    public init?(traceparent text: some Sequence<UInt8>) {
        let bytes = Array(text.prefix(TraceContext.textLength + 1))
        let dash = UInt8(ascii: "-")
        guard bytes.count >= TraceContext.textLength, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = TraceContext.number(bytes[0..<2]), version != 0xFF,
            let high = TraceContext.number(bytes[3..<19]), let low = TraceContext.number(bytes[19..<35]),
            let span = TraceContext.number(bytes[36..<52]), let flags = TraceContext.number(bytes[53..<55]),
            high | low != 0, span != 0
        else { return nil }
        if bytes.count > TraceContext.textLength {
            guard version > 0, bytes[TraceContext.textLength] == dash else { return nil }
        }
        self.init(traceHigh: high, traceLow: low, span: span, flags: UInt8(flags))
    }

    private init(traceHigh: UInt64, traceLow: UInt64, span: UInt64, flags: UInt8) {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.span = span
        self.flags = flags
    }

    /// Appends the header's text.
    public func append(to bytes: inout [UInt8]) {
        let dash = UInt8(ascii: "-")
        bytes.append(contentsOf: "00-".utf8)
        TraceContext.append(traceHigh, digits: 16, to: &bytes)
        TraceContext.append(traceLow, digits: 16, to: &bytes)
        bytes.append(dash)
        TraceContext.append(span, digits: 16, to: &bytes)
        bytes.append(dash)
        TraceContext.append(UInt64(flags), digits: 2, to: &bytes)
    }

    private static func append(_ value: UInt64, digits: Int, to bytes: inout [UInt8]) {
        for digit in (0..<digits).reversed() { bytes.append(hexDigit(UInt8(value >> UInt64(digit * 4) & 15))) }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func nonZero(_ generator: inout some RandomNumberGenerator) -> UInt64 {
        UInt64.random(in: 1...UInt64.max, using: &generator)
    }
}

extension TraceContext: CustomStringConvertible {
    /// The header's text.
    public var description: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(TraceContext.textLength)
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
