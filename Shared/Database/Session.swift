/// One connection of a pool, for the length of a closure.
public final class Session: StatementExecutor {
    private let queue = WorkQueue(maximumWaiting: .max / 2)

    /// How long the thread waits between two looks at an idle session; the server's own limit ends it earlier.
    private static let idleCheck: Duration = .seconds(60)

    @discardableResult
    public func execute(
        _ statement: Statement, _ parameters: Parameters, timeout: Duration?
    ) async throws(DatabaseError) -> Rows {
        try await queue.execute(statement, parameters, timeout: timeout)
    }

    @discardableResult
    public func perform<Value: Sendable>(
        timeout: Duration?, _ work: @escaping @Sendable (BlockingConnection) throws -> Value
    ) async throws -> Value {
        try await queue.perform(timeout: timeout, work)
    }

    func close() {
        queue.close()
    }

    /// Serves the session's calls on the thread of `connection`, until it is closed.
    func serve(on connection: BlockingConnection) {
        defer { connection.unpin() }
        while true {
            switch queue.take(patience: Self.idleCheck) {
            case .job(let job): job.run(on: connection)
            case .nothing: continue
            case .closed: return
            }
        }
    }
}

extension WorkQueue {
    /// A session on the next idle connection.
    func lease() async -> Result<Session, DatabaseError> {
        let job = Job(deadline: nil)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isArmed = job.arm { connection in
                    let opened = Result { () throws(DatabaseError) in
                        try connection.pin()
                        return Session()
                    }
                    job.end()
                    continuation.resume(returning: opened)
                    if case .success(let session) = opened { session.serve(on: connection) }
                } orElse: { error in
                    continuation.resume(returning: .failure(error))
                }
                if isArmed, let error = submit(job) { job.refuse(error) }
            }
        } onCancel: {
            if job.cancel() { forget(job) }
        }
    }
}
