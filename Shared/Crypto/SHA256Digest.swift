internal import Encodings

/// The 32 bytes of a SHA-256 or HMAC-SHA256 result, held without an allocation.
///
/// `==` may stop at the first difference. To check a value that somebody claims to know, use `matches`.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    public static let byteCount = 32

    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// Fills the bytes from a function that writes exactly 32.
    init(_ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words, fill)
        self.words = words
    }

    /// Nil unless there are 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init { $0.copyBytes(from: bytes) }
    }

    /// Nil unless the text is 64 hexadecimal digits.
    public init?(hex text: String) {
        guard let bytes = Hex.decode(text) else { return nil }
        self.init(bytes)
    }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Swift.withUnsafeBytes(of: words, body)
    }

    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// The first 16 bytes as two numbers, high bits first: what key hashes and partitions are taken from.
    public var prefix: (high: UInt64, low: UInt64) { (words.0.bigEndian, words.1.bigEndian) }

    /// 64 lower-case digits.
    public var hex: String { withUnsafeBytes { Hex.encode($0.bindMemory(to: UInt8.self).span) } }

    public func appendHex(to text: inout [UInt8]) {
        withUnsafeBytes { Hex.append($0.bindMemory(to: UInt8.self).span, to: &text) }
    }

    public func appendBase64(to text: inout [UInt8]) {
        withUnsafeBytes { Base64.append($0.bindMemory(to: UInt8.self).span, to: &text) }
    }

    /// Whether `other` is the same, in time that does not tell where it differs.
    public func matches(_ other: SHA256Digest) -> Bool {
        withUnsafeBytes { mine in
            other.withUnsafeBytes { other in
                ConstantTime.areEqual(mine.bindMemory(to: UInt8.self).span, other.bindMemory(to: UInt8.self).span)
            }
        }
    }

    public var description: String { hex }

    public static func == (left: Self, right: Self) -> Bool { left.words == right.words }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}
