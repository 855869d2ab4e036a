internal import COpenSSL

/// Comparison whose time depends on the lengths only: for signatures, tokens and everything else that is secret.
public enum ConstantTime {
    public static func areEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        return left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                left.isEmpty || CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
            }
        }
    }

    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        areEqual(left.span, right.span)
    }

    public static func areEqual(_ left: String, _ right: String) -> Bool {
        areEqual(left.utf8.span, right.utf8.span)
    }
}
