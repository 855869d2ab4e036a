/// Checks that the parts of a head lie one behind the other in memory as they did on the wire.
///
/// The library cuts lines in place and hands out pointers into its buffer, but it also does what nobody sees in the
/// parts themselves: it appends a folded line (RFC 9112 §5.2) to the *name* of the header (`Content-: 2`, then
/// ` Length`, becomes a length), cuts a value or the target at a NUL, and takes a bare line feed for a line end. Each
/// of these leaves a gap or a jump. Pointers are compared only, never followed.
struct HeadLayout {
    private var next: UnsafeRawPointer
    private(set) var isIntact: Bool

    /// - Parameter target: the target as it was first seen, not what the library has made of it since.
    init(method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, version: UnsafeRawBufferPointer) {
        isIntact = HeadLayout.end(method) + 1 == target.baseAddress && HeadLayout.end(target) + 1 == version.baseAddress
        next = HeadLayout.end(version) + HeadLayout.lineEnd
    }

    /// The next header line: name, colon, blanks, value.
    mutating func header(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        guard let start = name.baseAddress, let valueStart = value.baseAddress else {
            isIntact = false
            return
        }
        isIntact = isIntact && start == next && valueStart >= HeadLayout.end(name) + 1
        next = HeadLayout.end(value) + HeadLayout.lineEnd
    }

    /// The blank line, after which the head ends.
    mutating func end(_ address: UnsafeRawPointer) {
        isIntact = isIntact && next + HeadLayout.lineEnd == address
    }

    /// CR and LF.
    private static let lineEnd = 2

    private static func end(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer {
        // An empty part of a head still has its place in the buffer.
        bytes.baseAddress.map { $0 + bytes.count } ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
    }
}
