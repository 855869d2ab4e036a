internal import CLinux
internal import Glibc
internal import Synchronization

/// Ends what a `BlockingConnection` or a `Listener` is doing, from any thread.
///
/// It stays set: the statement that runs and every later one end with `.cancelled`, until `reset()`. So nothing is
/// missed when it is set between two statements.
public final class Canceller: Sendable {
    /// Readable while set. A file descriptor, so that a thread can wait for it and for a socket at once.
    let descriptor: Int32
    private let isSet = Atomic<Bool>(false)

    public init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(descriptor >= 0, "the process has no file descriptor left")
    }

    deinit { close(descriptor) }

    public var isCancelled: Bool { isSet.load(ordering: .acquiring) }

    public func cancel() {
        isSet.store(true, ordering: .releasing)
        var one: UInt64 = 1
        // Fails only when the counter is full, and then it is readable anyway.
        _ = write(descriptor, &one, 8)
    }

    /// Makes statements possible again.
    public func reset() {
        guard isCancelled else { return }
        var count: UInt64 = 0
        // Fails only when there is nothing to read, which is what it is for.
        _ = read(descriptor, &count, 8)
        isSet.store(false, ordering: .releasing)
    }
}
