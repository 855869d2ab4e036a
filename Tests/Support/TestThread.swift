internal import CLinux
internal import Glibc

/// A thread of a test's own, for code that blocks.
public struct TestThread: Sendable {
    private let thread: pthread_t

    private final class Body {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    public init(_ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let result = pthread_create(
            &thread, nil,
            { raw in
                // OpenSSL writes to closed connections without MSG_NOSIGNAL.
                var signals = sigset_t()
                sigemptyset(&signals)
                sigaddset(&signals, SIGPIPE)
                pthread_sigmask(SIG_BLOCK, &signals, nil)
                if let raw { Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        precondition(result == 0, "no thread")
        self.thread = thread
    }

    /// Blocks until the thread has ended; once a thread, never on the cooperative pool.
    public func join() {
        pthread_join(thread, nil)
    }

    /// Lets the thread end by itself; instead of `join`.
    public func detach() {
        pthread_detach(thread)
    }

    /// What `body` returns, computed on a thread of its own.
    public static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            TestThread { continuation.resume(returning: body()) }.detach()
        }
    }
}
