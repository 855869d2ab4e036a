internal import Glibc

/// Who is woken by a change of what a `Monitor` holds. A thread that wakes for nothing costs two switches, and at the peak
/// there are thousands of changes a second.
enum Bell {
    /// Threads that wait at `.reader`; the same of `.writer`.
    case reader, writer
    /// One of those at `.reader`: any of them will do.
    case anyReader
    case everyone
}

/// A value that threads of ours share and wait on: a lock and two conditions, since in every pair of threads here one
/// brings in and one takes out.
///
/// For threads that may block; asynchronous code only ever takes the lock, for a moment.
final class Monitor<State>: @unchecked Sendable {
    // @unchecked: `state` is touched only while `mutex` is held; the pointers are made in init and freed in deinit.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    /// Of readers, of writers.
    private let conditions = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 2)
    private var state: State

    init(_ state: sending State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        for index in 0..<2 { pthread_cond_init(conditions + index, &attributes) }
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        for index in 0..<2 { pthread_cond_destroy(conditions + index) }
        pthread_mutex_destroy(mutex)
        conditions.deallocate()
        mutex.deallocate()
    }

    /// Looks or changes without waking anybody.
    func withLock<Value>(_ body: (inout State) -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Changes the state and wakes those whom it concerns.
    func update<Value>(ringing bell: Bell, _ body: (inout State) -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer {
            pthread_mutex_unlock(mutex)
            switch bell {
            case .reader: pthread_cond_broadcast(conditions)
            case .writer: pthread_cond_broadcast(conditions + 1)
            case .anyReader: pthread_cond_signal(conditions)
            case .everyone:
                pthread_cond_broadcast(conditions)
                pthread_cond_broadcast(conditions + 1)
            }
        }
        return body(&state)
    }

    /// Blocks the thread until `body` gives a value; nil when `deadline` comes first.
    ///
    /// - Parameter writer: Waits at `.writer` instead of `.reader`.
    func wait<Value>(
        asWriter writer: Bool = false, until deadline: ContinuousClock.Instant? = nil,
        _ body: (inout State) -> Value?
    ) -> Value? {
        let condition = writer ? conditions + 1 : conditions
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let value = body(&state) { return value }
            guard let deadline else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return nil }
            var time = Self.monotonicTime(after: left)
            pthread_cond_timedwait(condition, mutex, &time)
        }
    }

    private static func monotonicTime(after duration: Duration) -> timespec {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Int64(time.tv_nsec) + attoseconds / 1_000_000_000
        time.tv_sec += Int(seconds + nanoseconds / 1_000_000_000)
        time.tv_nsec = Int(nanoseconds % 1_000_000_000)
        return time
    }
}
