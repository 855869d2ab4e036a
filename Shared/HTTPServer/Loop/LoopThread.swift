internal import CLinux
internal import Glibc

/// A thread of our own, by name; the C library's calls all happen on such a one.
enum LoopThread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a detached thread; whoever waits for its end is told by `run` itself.
    ///
    /// - Parameter name: at most 15 bytes, as Linux has it.
    static func start(name: String, _ run: @escaping @Sendable () -> Void) throws(HTTPServerError) {
        let body = Unmanaged.passRetained(Body(name: name, run: run))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                let body = Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                pthread_setname_np(pthread_self(), body.name)
                body.run()
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            throw HTTPServerError(.resources, "no thread \(name): error \(code)")
        }
        pthread_detach(thread)
    }
}
