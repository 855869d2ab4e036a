/// The checksum of IEEE 802.3 (as in gzip and PNG): finds typing errors in tokens and cursors, proves nothing else.
public enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    public static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        let table = Self.table
        let sum = bytes.withUnsafeBytes { source in
            source.reduce(UInt32.max) { sum, byte in sum >> 8 ^ table[Int((sum ^ UInt32(byte)) & 0xFF)] }
        }
        return ~sum
    }

    public static func checksum(_ bytes: [UInt8]) -> UInt32 { checksum(bytes.span) }
}
