internal import Encodings

/// A key that encrypts secrets at rest. Its id is stored beside what it sealed, so keys can be changed one row at a time.
public struct MasterKey: Sendable {
    /// 1–32 characters of `A-Z a-z 0-9 _ - .`
    public let id: String
    let bytes: [UInt8]

    /// - Throws: `invalidKey` unless there are 32 bytes and a valid id.
    public init(id: String, bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == AESGCM.keyByteCount else { throw CryptoError(.invalidKey, "a master key has 32 bytes") }
        guard Self.isValid(id: id) else {
            throw CryptoError(.invalidKey, "a master key's id is 1-32 characters of A-Z a-z 0-9 _ - .")
        }
        self.id = id
        self.bytes = bytes
    }

    /// Reads `<key>` or `<id>:<key>`, where the key is 32 bytes in base64 (44 characters, padded) or hex (64 digits).
    /// White space around it is ignored, since such keys live in files that end with a line break. Without an id the id is
    /// made from a hash of the key, so that the same key always has the same id and two keys never share one.
    /// - Throws: `invalidKey`.
    public init(text: String) throws(CryptoError) {
        let trimmed = text.utf8.drop(while: Self.isSpace).reversed().drop(while: Self.isSpace).reversed()
        let parts = Array(trimmed).split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard let last = parts.last, parts.count <= 2 else {
            throw CryptoError(.invalidKey, "a master key is written <key> or <id>:<key>")
        }
        let key = String(decoding: last, as: UTF8.self)
        guard let bytes = Hex.decode(key) ?? Base64.decode(key), bytes.count == AESGCM.keyByteCount else {
            throw CryptoError(.invalidKey, "a master key is 32 bytes in base64 or hex")
        }
        let id = parts.count == 2 ? String(decoding: parts[0], as: UTF8.self) : Self.derivedID(of: bytes)
        try self.init(id: id, bytes: bytes)
    }

    /// A new key of 32 random bytes.
    public static func generate() -> MasterKey {
        let bytes = SecureRandom.bytes(AESGCM.keyByteCount)
        return MasterKey(unchecked: derivedID(of: bytes), bytes)
    }

    /// The key in base64, for the file that keeps it. Never for a log.
    public var text: String { Base64.encode(bytes) }

    private init(unchecked id: String, _ bytes: [UInt8]) {
        self.id = id
        self.bytes = bytes
    }

    /// How many hex digits of the hash make an id.
    private static let derivedIDLength = 12

    private static func derivedID(of bytes: [UInt8]) -> String {
        String(SHA256.hash(Array("fanfare master key id:".utf8) + bytes).hex.prefix(derivedIDLength))
    }

    private static func isValid(id: String) -> Bool {
        (1...32).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D, 0x2E: true
                default: false
                }
            }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

extension MasterKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "MasterKey(\(id))" }
    public var debugDescription: String { description }
    /// Hides the bytes from `dump` and from string interpolation of what holds a key.
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
