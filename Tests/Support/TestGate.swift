internal import CLinux
internal import Glibc
internal import Synchronization

/// A door that opens once. Threads that we own wait at it; tests and callbacks open it.
public final class TestGate: Sendable {
    private let descriptor: Int32

    public init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC))
        precondition(descriptor >= 0, "no eventfd")
    }

    deinit {
        close(descriptor)
    }

    public func open() {
        eventfd_write(descriptor, 1)
    }

    /// Blocks the thread until the gate is open, or `other` becomes readable or hangs up; never on the cooperative pool.
    public func wait(orHangUpOf other: Int32? = nil) {
        var polled = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        if let other { polled.append(pollfd(fd: other, events: Int16(pollPeerHangUp), revents: 0)) }
        while poll(&polled, nfds_t(polled.count), -1) < 0, errno == EINTR {}
    }
}

/// `POLLRDHUP` needs `_GNU_SOURCE`, so the importer does not see it.
let pollPeerHangUp = 0x2000

/// Values that a test waits for until there are enough of them.
public final class TestCollector<Value: Sendable>: Sendable {
    private struct State {
        var values: [Value] = []
        var waiters: [(count: Int, continuation: CheckedContinuation<[Value], Never>)] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var values: [Value] { state.withLock { $0.values } }

    public func append(_ value: Value) {
        append(contentsOf: [value])
    }

    public func append(contentsOf values: [Value]) {
        let (ready, all) = state.withLock { state in
            state.values.append(contentsOf: values)
            let count = state.values.count
            let ready = state.waiters.filter { $0.count <= count }
            state.waiters.removeAll { $0.count <= count }
            return (ready, state.values)
        }
        for waiter in ready { waiter.continuation.resume(returning: all) }
    }

    /// Returns as soon as there are `count` values. A test that waits for what never comes needs a time limit.
    public func first(_ count: Int) async -> [Value] {
        await withCheckedContinuation { continuation in
            let ready: [Value]? = state.withLock { state in
                guard state.values.count < count else { return state.values }
                state.waiters.append((count, continuation))
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }
}
