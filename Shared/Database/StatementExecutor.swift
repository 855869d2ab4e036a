/// Whatever runs statements for asynchronous code: a pool, a connection, a session.
public protocol StatementExecutor: Sendable {
    /// Runs one statement; its connection's thread does the waiting.
    ///
    /// - Parameter timeout: for the wait for a connection and the statement together; nil is the configuration's limit
    ///   for the statement.
    @discardableResult
    func execute(
        _ statement: Statement, _ parameters: Parameters, timeout: Duration?
    ) async throws(DatabaseError) -> Rows

    /// Runs `work` on a connection's thread: several statements for one hop there and back. It must do nothing slow but
    /// its statements.
    @discardableResult
    func perform<Value: Sendable>(
        timeout: Duration?, _ work: @escaping @Sendable (BlockingConnection) throws -> Value
    ) async throws -> Value
}

extension StatementExecutor {
    @discardableResult
    public func execute(
        _ statement: Statement, _ parameters: Parameters = .none
    ) async throws(DatabaseError) -> Rows {
        try await execute(statement, parameters, timeout: nil)
    }

    @discardableResult
    public func perform<Value: Sendable>(
        _ work: @escaping @Sendable (BlockingConnection) throws -> Value
    ) async throws -> Value {
        try await perform(timeout: nil, work)
    }

    /// Runs statements without parameters, separated by semicolons, as one transaction unless they say otherwise.
    public func script(_ sql: String, timeout: Duration? = nil) async throws {
        try await perform(timeout: timeout) { try $0.script(sql, timeout: timeout) }
    }

    /// Gives the rows to `body` one by one on the connection's thread, in constant memory; see
    /// `BlockingConnection.stream`.
    public func stream(
        _ statement: Statement, _ parameters: Parameters = .none, timeout: Duration? = nil,
        _ body: @escaping @Sendable (Rows) throws -> Void
    ) async throws {
        try await perform(timeout: timeout) { try $0.stream(statement, parameters, timeout: timeout, body) }
    }

    /// Sends a notification. A channel's name has at most 63 bytes, a payload less than 8000.
    public func notify(_ channel: String, _ payload: String = "") async throws {
        try await perform { try $0.notify(channel, payload) }
    }
}

extension WorkQueue {
    @discardableResult
    func execute(
        _ statement: Statement, _ parameters: Parameters, timeout: Duration?
    ) async throws(DatabaseError) -> Rows {
        let result = await run(timeout: timeout, refused: { $0 }) { connection in
            Result { () throws(DatabaseError) in
                try connection.execute(statement, parameters, timeout: timeout)
            }
        }
        return try result.get()
    }

    @discardableResult
    func perform<Value: Sendable>(
        timeout: Duration?, _ work: @escaping @Sendable (BlockingConnection) throws -> Value
    ) async throws -> Value {
        let result: Result<Value, any Error> = await run(timeout: timeout, refused: { $0 }) { connection in
            Result { try work(connection) }
        }
        return try result.get()
    }
}
