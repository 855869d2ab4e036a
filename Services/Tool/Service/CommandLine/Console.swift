internal import Glibc

/// Where the tool writes: results to standard output, everything else to standard error.
struct Console: Sendable {
    /// Writes a line of a result. False when nobody reads any more (`fanfare tail | head`).
    @discardableResult func line(_ text: String = "") -> Bool { Self.write(text + "\n", STDOUT_FILENO) }

    /// Writes text of a result as it is.
    @discardableResult func text(_ text: String) -> Bool { Self.write(text, STDOUT_FILENO) }

    /// Tells what is being done, or has been; no result.
    func progress(_ text: String) { Self.write(text + "\n", STDERR_FILENO) }

    func error(_ text: String) { Self.write("fanfare: \(text)\n", STDERR_FILENO) }

    /// Whether a person looks at the results.
    var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    @discardableResult private static func write(_ text: String, _ descriptor: Int32) -> Bool {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: start), bytes.count - start)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            start += count
        }
        return true
    }
}
