internal import Glibc

/// The text of a file that holds a secret.
struct SecretFile: Sendable {
    struct Problem: Error {
        let message: String
    }

    /// Nobody's secret is longer, in bytes; what is longer is the wrong file.
    static let largestSize = 64 * 1024

    /// Without the line feed at its end.
    let text: String
    /// Whether others than its owner and group may read it.
    let isOpenToOthers: Bool

    static func read(_ path: String) throws(Problem) -> SecretFile {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Problem(message: "\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Problem(message: "\(path) is not a file")
        }
        guard status.st_size <= largestSize else { throw Problem(message: "\(path) is too large for a secret") }
        var bytes = [UInt8](repeating: 0, count: largestSize)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw Problem(message: "\(path): \(String(cString: strerror(errno)))") }
        bytes.removeLast(bytes.count - count)
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(message: "\(path) is empty or no text")
        }
        return SecretFile(text: text, isOpenToOthers: status.st_mode & S_IROTH != 0)
    }
}
