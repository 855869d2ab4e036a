public import Crypto
internal import Encodings

/// A bearer token (`contracts.md` §2): prefix, `_`, 32 characters of entropy (190 bits) and 6 of checksum, in base62.
///
/// The prefix lets scanners of leaked secrets find it; the checksum lets a door refuse a mistyped or invented token without
/// asking the database. Only the digest is stored: the entropy is so high that no salt or slow hash is needed.
public struct AccessToken: Sendable {
    public static let defaultPrefix = "ff"

    private static let entropyLength = 32
    private static let checksumLength = 6
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// Shown once, to its owner.
    public let text: String

    /// A new token.
    /// - Parameter prefix: 1–16 characters of `a-z 0-9 _`.
    public static func generate(prefix: String = defaultPrefix) -> AccessToken {
        precondition(isValid(prefix: prefix), "a token's prefix is 1-16 characters of a-z 0-9 _")
        var text = Array("\(prefix)_".utf8)
        let end = text.count + entropyLength
        while text.count < end {
            // 248 is the greatest multiple of 62 in a byte; what lies above would favour some characters.
            for byte in SecureRandom.bytes(entropyLength) where byte < 248 && text.count < end {
                text.append(alphabet[Int(byte % 62)])
            }
        }
        text.append(contentsOf: checksum(of: text))
        return AccessToken(unchecked: String(decoding: text, as: UTF8.self))
    }

    /// Nil unless the text has the form of a token and its checksum fits.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let tail = Self.entropyLength + Self.checksumLength
        guard bytes.count > tail + 1, bytes.count <= tail + 17 else { return nil }
        let prefix = bytes.dropLast(tail)
        guard prefix.last == UInt8(ascii: "_"),
            Self.isValid(prefix: String(decoding: prefix.dropLast(), as: UTF8.self)),
            bytes.suffix(tail).allSatisfy(Self.alphabet.contains),
            Self.checksum(of: Array(bytes.dropLast(Self.checksumLength))).elementsEqual(
                bytes.suffix(Self.checksumLength))
        else { return nil }
        self.text = text
    }

    private init(unchecked text: String) { self.text = text }

    /// What is stored, and what a token is looked up by.
    public var digest: SHA256Digest { SHA256.hash(text) }

    /// Enough of the token to tell it from others in a list: prefix and the first four characters.
    public var hint: String {
        String(text.dropLast(Self.entropyLength + Self.checksumLength - 4))
    }

    private static func isValid(prefix: String) -> Bool {
        (1...16).contains(prefix.utf8.count)
            && prefix.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    /// CRC-32 in six characters, which have room for it.
    private static func checksum(of bytes: [UInt8]) -> [UInt8] {
        var rest = CRC32.checksum(bytes)
        var characters: [UInt8] = []
        for _ in 0..<checksumLength {
            characters.append(alphabet[Int(rest % 62)])
            rest /= 62
        }
        return characters.reversed()
    }
}

extension AccessToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Never the token.
    public var description: String { "AccessToken(\(hint)…)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["hint": hint]) }
}
