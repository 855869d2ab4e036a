internal import CLinux
internal import Glibc

/// A thread of ours with a name that `top` and a debugger show.
package enum NamedThread {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// The kernel's limit for a thread's name.
    private static let longestName = 15

    /// Runs `body` on a new thread, which takes no signals: those are the main thread's.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        var every = sigset_t()
        var before = sigset_t()
        sigfillset(&every)
        pthread_sigmask(SIG_SETMASK, &every, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let start = Unmanaged.passRetained(Start(name: String(name.utf8.prefix(longestName)) ?? "pg", body: body))
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                pthread_setname_np(pthread_self(), start.name)
                start.body()
                return nil
            }, start.toOpaque())
        precondition(failure == 0, "the process can have no more threads")
        pthread_detach(thread)
    }
}
