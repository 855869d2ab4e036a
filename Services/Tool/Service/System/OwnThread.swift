internal import CLinux
internal import Glibc

/// A thread for calls that block, so that they do not hold up tasks.
enum OwnThread {
    private final class Body {
        let run: () -> Void

        init(_ run: @escaping () -> Void) {
            self.run = run
        }
    }

    /// What `body` returns, computed on a thread of its own.
    static func run<Value: Sendable>(_ name: String, _ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            start(name) { continuation.resume(returning: body()) }
        }
    }

    private static func start(_ name: String, _ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let result = pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        precondition(result == 0, "the system has no thread left")
        // At most 15 bytes; a longer name is left out by the system.
        pthread_setname_np(thread, name)
        pthread_detach(thread)
    }
}
