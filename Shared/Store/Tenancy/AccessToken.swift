public import Crypto
internal import Encodings

/// A bearer token: `ff_` + 43 characters of base62 (256 random bits) + 6 of checksum.
///
/// The prefix lets secret scanners find it in places where it must not be. The checksum lets a door refuse what was mistyped
/// or guessed without asking anyone. Only the SHA-256 is ever stored: with 256 random bits there is nothing to be found by
/// trying, so no slow hash is needed.
public struct AccessToken: Sendable {
    /// The token itself. For its owner's eyes, once.
    public let text: String
    /// What is stored and looked up.
    public let hash: SHA256Digest

    private static let prefix = "ff_"
    private static let randomLength = 43
    private static let checksumLength = 6
    /// The largest multiple of 62 below 256: higher bytes are drawn again, so that no character is likelier than another.
    private static let acceptedBytes: UInt8 = 248
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// Nil unless the text has the form of a token and its checksum is right. Says nothing about its being known.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let bodyLength = Self.prefix.utf8.count + Self.randomLength
        guard bytes.count == bodyLength + Self.checksumLength, bytes.starts(with: Self.prefix.utf8),
            Array(bytes[bodyLength...]) == Self.checksum(bytes[..<bodyLength])
        else { return nil }
        self.text = text
        hash = SHA256.hash(bytes)
    }

    private init(unchecked bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self)
        hash = SHA256.hash(bytes)
    }

    public static func generate() -> AccessToken {
        var bytes = Array(prefix.utf8)
        while bytes.count < prefix.utf8.count + randomLength {
            for byte in SecureRandom.bytes(randomLength)
            where byte < acceptedBytes && bytes.count < prefix.utf8.count + randomLength {
                bytes.append(alphabet[Int(byte) % alphabet.count])
            }
        }
        return AccessToken(unchecked: bytes + checksum(bytes[...]))
    }

    /// Enough to recognise a token by, useless to whoever wants it.
    public var hint: String { "\(text.prefix(7))…\(text.suffix(4))" }

    /// The CRC-32 in six characters of base62, which hold up to 5.6e10.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var rest = CRC32.checksum(Array(bytes))
        var digits: [UInt8] = []
        for _ in 0..<checksumLength {
            digits.append(alphabet[Int(rest % 62)])
            rest /= 62
        }
        return digits.reversed()
    }
}

/// Never shown by accident.
extension AccessToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "AccessToken(\(hint))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["hint": hint]) }
}
