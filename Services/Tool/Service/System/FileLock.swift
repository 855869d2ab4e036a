internal import CLinux
internal import Glibc

/// A lock that a process holds on a file until it ends, however it ends. The file tells who holds it.
final class FileLock: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// What the holder of a lock wrote about itself.
    struct Holder: Sendable, Hashable {
        var pid: Int32
        var note: String
    }

    /// Takes the lock, or tells who has it.
    ///
    /// - Parameter note: what the file says while we hold it, in one line.
    static func take(_ path: String, note: String) throws(ToolError) -> Swift.Result<FileLock, HeldElsewhere> {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, Files.publicMode)
        guard descriptor >= 0 else { throw Files.failure("cannot open \(path)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return .failure(HeldElsewhere(holder: holder(path)))
        }
        let lock = FileLock(descriptor)
        lock.note(note)
        return .success(lock)
    }

    /// Changes what the file says.
    func note(_ note: String) {
        let bytes = Array("\(getpid()) \(note)\n".utf8)
        // Only read for messages: a failure here is none of the lock's.
        if ftruncate(descriptor, 0) == 0 { pwrite(descriptor, bytes, bytes.count, 0) }
    }

    /// Somebody else holds the lock; nil when it is not known who.
    struct HeldElsewhere: Error, Sendable {
        var holder: Holder?
    }

    private static func holder(_ path: String) -> Holder? {
        let words = (Files.text(path) ?? "").split(maxSplits: 1) { $0 == " " || $0 == "\n" }
        guard let first = words.first, let pid = Int32(first) else { return nil }
        return Holder(pid: pid, note: words.count > 1 ? words[1].filter { $0 != "\n" } : "")
    }
}
