/// The position of an event in a distributed trace, as its record carries it: W3C Trace Context, 25 bytes.
public struct EventTrace: Hashable, Sendable {
    public var traceHigh: UInt64
    public var traceLow: UInt64
    /// The span that what happens next to the event is a child of; never zero.
    public var span: UInt64
    /// Bit 0: spans of this trace are recorded.
    public var flags: UInt8

    public static let byteCount = 25

    public var isSampled: Bool { flags & 1 == 1 }

    public init(traceHigh: UInt64, traceLow: UInt64, span: UInt64, flags: UInt8) {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.span = span
        self.flags = flags
    }

    /// Nil for another length or ids that are all zero: a trace that cannot be read is no reason to refuse an event.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var numbers: [UInt64] = []
        var rest = Array(bytes)[...]
        for _ in 0..<3 {
            numbers.append(rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
            rest = rest.dropFirst(8)
        }
        guard numbers[0] | numbers[1] != 0, numbers[2] != 0, let flags = rest.first else { return nil }
        self.init(traceHigh: numbers[0], traceLow: numbers[1], span: numbers[2], flags: flags)
    }

    /// Big-endian: trace, span, flags.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for number in [traceHigh, traceLow, span] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            }
        }
        bytes.append(flags)
        return bytes
    }
}
