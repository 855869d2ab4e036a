internal import Encodings

/// A place in the feed that a client keeps and hands back: opaque to it, 23 URL-safe characters.
///
/// Bytes: version (1), epoch (4), pos (8), CRC-32 of the rest (4), numbers big-endian. The epoch names the feed's
/// incarnation: after a logical restore a cursor of the former one must not be read against other events. The checksum
/// tells a cursor that was cut or mistyped from one that is out of range; it is no protection against forgery, and none is
/// needed, because a cursor only says where to begin.
public struct FeedCursor: Hashable, Sendable, CustomStringConvertible {
    public var epoch: UInt32
    /// The last position that the client has seen; 0 before the first.
    public var pos: Int64

    public init(epoch: UInt32, pos: Int64) {
        self.epoch = epoch
        self.pos = pos
    }

    public enum ParseError: Error, Hashable, Sendable {
        /// Not base64url of the right length, a wrong checksum, or a negative position.
        case malformed
        /// Whole, but written by a version that this process does not know.
        case unknownVersion(UInt8)
    }

    private static let version: UInt8 = 1
    private static let byteCount = 17
    private static let checksumCount = 4

    /// - Throws: `ParseError`; a cursor is either exactly what `text` gave or refused.
    public init(parsing text: String) throws(ParseError) {
        // Look at the length first: the text comes from a query string and may be long.
        guard text.utf8.count == Base64.encodedCount(Self.byteCount, .urlSafe),
            let bytes = Base64.decode(text, .urlSafe), bytes.count == Self.byteCount
        else { throw .malformed }
        let body = Array(bytes.dropLast(Self.checksumCount))
        let checksum = bytes.suffix(Self.checksumCount).reduce(0) { $0 << 8 | UInt32($1) }
        guard CRC32.checksum(body) == checksum else { throw .malformed }
        guard body[0] == Self.version else { throw .unknownVersion(body[0]) }
        self.epoch = body[1..<5].reduce(0) { $0 << 8 | UInt32($1) }
        self.pos = Int64(bitPattern: body[5...].reduce(0) { $0 << 8 | UInt64($1) })
        guard pos >= 0 else { throw .malformed }
    }

    public var text: String {
        var bytes: [UInt8] = [Self.version]
        bytes.reserveCapacity(Self.byteCount)
        Self.append(UInt64(epoch), bytes: 4, to: &bytes)
        Self.append(UInt64(bitPattern: pos), bytes: 8, to: &bytes)
        Self.append(UInt64(CRC32.checksum(bytes)), bytes: Self.checksumCount, to: &bytes)
        return Base64.encode(bytes, .urlSafe)
    }

    private static func append(_ number: UInt64, bytes count: Int, to bytes: inout [UInt8]) {
        for index in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(index * 8))) }
    }

    public var description: String { text }
}
