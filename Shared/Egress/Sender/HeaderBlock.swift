/// The header lines of a request, as the bytes that go over the wire: names keep their case and order.
///
/// `Host` and `Content-Length` are the sender's; so is the framing.
public struct HeaderBlock: Sendable {
    /// `Name: value` lines with CR LF between them, none at the end.
    public private(set) var bytes: [UInt8]

    public init() {
        bytes = []
    }

    /// Takes lines that we wrote ourselves, as they go over the wire: `Name: value`, CR LF between them, none at the end.
    public init(lines: [UInt8]) {
        bytes = lines
    }

    public var isEmpty: Bool { bytes.isEmpty }

    public mutating func reserveCapacity(_ count: Int) {
        bytes.reserveCapacity(count)
    }

    /// Adds a line whose value we make ourselves.
    ///
    /// - Parameters:
    ///   - name: A header name.
    ///   - write: Appends the value: printable characters, not empty.
    public mutating func append(_ name: StaticString, write: (inout [UInt8]) -> Void) {
        begin()
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
        let start = bytes.count
        write(&bytes)
        precondition(Self.isValue(bytes[start...]), "the value of \(name) would break the header")
    }

    /// Adds a line whose value we make ourselves: printable characters, not empty.
    public mutating func append(_ name: StaticString, _ value: String) {
        append(name) { $0.append(contentsOf: value.utf8) }
    }

    /// Adds a line that somebody else wrote.
    ///
    /// - Throws: `HeaderError` if the name is no token, belongs to the sender, or the value is empty or has other than
    ///   printable characters, spaces and tabs.
    public mutating func append(foreign name: String, value: String) throws(HeaderError) {
        guard Self.isName(name) else { throw HeaderError(message: "not a header name") }
        guard !Self.reserved.contains(name.lowercased()) else {
            throw HeaderError(message: "the header \(name) is set by the sender")
        }
        let value = Array(value.utf8)
        guard Self.isValue(value[...]) else {
            throw HeaderError(message: "the value of \(name) is empty or not printable")
        }
        begin()
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: value)
    }

    /// Adds the lines of another block.
    public mutating func append(contentsOf other: HeaderBlock) {
        guard !other.isEmpty else { return }
        begin()
        bytes.append(contentsOf: other.bytes)
    }

    private mutating func begin() {
        guard !bytes.isEmpty else { return }
        bytes.append(0x0D)
        bytes.append(0x0A)
    }

    /// Whether this is a header name (a token of RFC 9110 §5.6.2).
    public static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// RFC 9110 §5.5 without obsolete bytes: nothing that ends the line early, nothing that a receiver trims.
    private static func isValue(_ value: ArraySlice<UInt8>) -> Bool {
        guard let first = value.first, let last = value.last, first > 0x20, last > 0x20 else { return false }
        // Without a branch a byte: this runs for each header of each request.
        return value.withUnsafeBufferPointer { bytes in
            var refused: UInt8 = 0
            for byte in bytes { refused |= (byte &- 0x20 > 0x5E ? 1 : 0) & (byte != 0x09 ? 1 : 0) }
            return refused == 0
        }
    }

    private static let reserved: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
        "proxy-connection", "proxy-authorization", "user-agent",
    ]
}

/// Why a header line is refused. The message does not show the value: it may be a secret.
public struct HeaderError: Error, Sendable {
    public let message: String
}
