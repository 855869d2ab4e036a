internal import CLinux
internal import Glibc
internal import Synchronization

/// How a thread that was just started tells its starter whether it could begin; the wait is that of a few system calls.
final class StartGate: Sendable {
    private let descriptor: Int32
    private let failure = Mutex<HTTPServerError?>(nil)

    init() throws(HTTPServerError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else { throw HTTPServerError(.resources, "no descriptor for a start: errno \(errno)") }
    }

    deinit { close(descriptor) }

    func open(_ error: HTTPServerError?) {
        failure.withLock { $0 = error }
        var one: UInt64 = 1
        // An eventfd takes a first write always.
        _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    func wait() -> HTTPServerError? {
        var count: UInt64 = 0
        while read(descriptor, &count, MemoryLayout<UInt64>.size) < 0, errno == EINTR {}
        return failure.withLock { $0 }
    }
}
