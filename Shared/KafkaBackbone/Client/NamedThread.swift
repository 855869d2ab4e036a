internal import CLinux
internal import Glibc

/// Threads that we own and name: librdkafka's blocking calls never run on the cooperative pool.
enum NamedThread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a detached thread; signals stay with the threads that the process keeps for them.
    ///
    /// - Parameter name: at most 15 bytes, the kernel's limit.
    static func start(_ name: String, _ run: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var everySignal = sigset_t()
        var before = sigset_t()
        sigfillset(&everySignal)
        // A new thread inherits the mask, so it is set around the creation and not inside, where a signal could be first.
        pthread_sigmask(SIG_SETMASK, &everySignal, &before)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                let body = Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
                pthread_setname_np(pthread_self(), body.name)
                body.run()
                return nil
            }, Unmanaged.passRetained(Body(name, run)).toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        pthread_attr_destroy(&attributes)
        precondition(failure == 0, "the system has no thread left (\(failure))")
    }

    /// Runs a blocking call on a thread of its own and waits for it without holding a thread of the pool.
    static func run<Value: Sendable>(
        _ name: String, _ call: @escaping @Sendable () -> Result<Value, KafkaError>
    ) async throws(KafkaError) -> Value {
        let result: Result<Value, KafkaError> = await withCheckedContinuation { continuation in
            start(name) { continuation.resume(returning: call()) }
        }
        return try result.get()
    }
}
