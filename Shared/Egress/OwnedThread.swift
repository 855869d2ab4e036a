internal import CLinux
internal import Glibc

/// A named thread of ours, for libraries that block. It runs `body` once and ends.
struct OwnedThread: Sendable {
    private let thread: pthread_t

    private final class Body {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// - Parameters:
    ///   - name: Shown by `top -H` and in traces; the kernel keeps 15 bytes.
    ///   - stackSize: In bytes; untouched pages cost nothing.
    ///   - body: What runs on the thread.
    init(name: String, stackSize: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(
            Body {
                _ = pthread_setname_np(pthread_self(), String(name.prefix(15)))
                body()
            })
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackSize)
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { raw in
                if let raw { Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        precondition(result == 0, "the system refuses another thread")
        self.thread = thread
    }

    /// Blocks until the thread has ended. Instead of `detach`, once.
    func join() {
        pthread_join(thread, nil)
    }

    /// The thread ends unobserved. Instead of `join`, once.
    func detach() {
        pthread_detach(thread)
    }
}
