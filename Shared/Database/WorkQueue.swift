internal import Glibc

/// The jobs that wait for the threads of a pool, or of one connection: bounded, first come first served, one wake-up a
/// job.
final class WorkQueue: @unchecked Sendable {
    // @unchecked: everything below is read and written under `mutex` only; the pointers are freed in deinit alone.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let maximumWaiting: Int
    /// Nil where one was taken or forgotten.
    private var jobs: [Job?] = []
    /// The first of `jobs` that may still be taken.
    private var head = 0
    private var live = 0
    private var idle = 0
    private var isClosed = false

    enum Taken {
        case job(Job)
        case nothing
        case closed
    }

    /// - Parameter maximumWaiting: jobs beyond those for which a thread is idle.
    init(maximumWaiting: Int) {
        self.maximumWaiting = maximumWaiting
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Jobs that no thread has taken.
    var waiting: Int { locked { live } }

    /// Nil when the job is in the queue, or else why it is not.
    func submit(_ job: Job) -> DatabaseError? {
        locked {
            if isClosed { return DatabaseError(.closed, "the connection is shut down") }
            guard live < maximumWaiting + idle else {
                return DatabaseError(.exhausted, "\(maximumWaiting) calls wait for a connection already")
            }
            jobs.append(job)
            live += 1
            if idle > 0 { pthread_cond_signal(condition) }
            return nil
        }
    }

    /// The next job; blocks for at most `patience`. After `close()` what is queued is still handed out.
    func take(patience: Duration) -> Taken {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let (seconds, attoseconds) = patience.components
        let nanoseconds = Int64(time.tv_nsec) + attoseconds / 1_000_000_000
        time.tv_sec += Int(seconds + nanoseconds / 1_000_000_000)
        time.tv_nsec = Int(nanoseconds % 1_000_000_000)
        return locked {
            idle += 1
            defer { idle -= 1 }
            while live == 0 {
                if isClosed { return .closed }
                if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT, live == 0 {
                    return isClosed ? .closed : .nothing
                }
            }
            return removeFirst()
        }
    }

    private func removeFirst() -> Taken {
        while jobs[head] == nil { head += 1 }
        guard let job = jobs[head] else { preconditionFailure("a live job is at or behind the head") }
        jobs[head] = nil
        head += 1
        live -= 1
        if head == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 1024, head * 2 >= jobs.count {
            jobs.removeFirst(head)
            head = 0
        }
        return .job(job)
    }

    /// Gives the place of a job free whose caller does not wait any more.
    func forget(_ job: Job) {
        locked {
            guard let index = jobs[head...].firstIndex(where: { $0 === job }) else { return }
            jobs[index] = nil
            live -= 1
            if live == 0 {
                jobs.removeAll(keepingCapacity: true)
                head = 0
            }
        }
    }

    /// Takes no more jobs and lets the threads go once the queue is empty.
    func close() {
        locked {
            isClosed = true
            pthread_cond_broadcast(condition)
        }
    }
}

extension WorkQueue {
    /// Runs `work` on a thread of this queue and waits for it: one hop there and one back.
    ///
    /// - Parameter refused: makes the failure of a call that never began.
    func run<Value: Sendable, Failure: Error>(
        timeout: Duration?, refused: @escaping @Sendable (DatabaseError) -> Failure,
        _ work: @escaping @Sendable (BlockingConnection) -> Result<Value, Failure>
    ) async -> Result<Value, Failure> {
        let job = Job(deadline: timeout.map { .now + $0 })
        return await withTaskCancellationHandler {
            // Unsafe only in name: `Job` answers exactly once.
            await withUnsafeContinuation { continuation in
                let isArmed = job.arm { connection in
                    let result = work(connection)
                    job.end()
                    continuation.resume(returning: result)
                } orElse: { error in
                    continuation.resume(returning: .failure(refused(error)))
                }
                if isArmed, let error = submit(job) { job.refuse(error) }
            }
        } onCancel: {
            if job.cancel() { forget(job) }
        }
    }
}
