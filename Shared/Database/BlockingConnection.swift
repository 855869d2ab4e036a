public import Observability

/// A connection for the one thread that owns it: every call blocks. For loops with a thread of their own, and the core
/// of `Connection` and `ConnectionPool`.
///
/// It connects when first used and again after a loss, not more often than its backoff allows: in between calls fail at
/// once with `.connection`. A connection that the server closed while idle is noticed before the next statement is sent,
/// so a restart between two statements costs no error.
///
/// Nothing is repeated by itself after it was sent: when the connection dies then, `outcomeUnknown` is set.
///
/// ```swift
/// let connection = BlockingConnection(configuration, name: "appender", logger: logger, metrics: registry)
/// let rows = try connection.execute(append, parameters)
/// ```
public final class BlockingConnection {
    /// Ends the running statement from another thread.
    public let canceller: Canceller
    private let configuration: DatabaseConfiguration
    private let logger: Logger
    private let metrics: DatabaseMetrics
    private let buffers = ParameterBuffers()
    private var link: Link?
    private var backoff = Backoff()
    private var known: [String: Prepared] = [:]
    /// While a session's state matters (a lease, a transaction) a lost connection is not replaced.
    private var isPinned = false
    private var isInTransaction = false
    /// Nil while limits are off.
    private var statementLimit: Duration?
    /// A bound for all statements up to the next change; a pool sets it for each call.
    var deadline: ContinuousClock.Instant?

    /// A statement as this object knows it.
    private struct Prepared {
        let sql: String
        let types: [UInt32]
        let seconds: Histogram
        var isAtServer = false
    }

    /// - Parameter name: label of the metrics (`pool`).
    public init(
        _ configuration: DatabaseConfiguration, name: String, logger: Logger, metrics: MetricsRegistry,
        canceller: Canceller = Canceller()
    ) {
        self.configuration = configuration
        self.canceller = canceller
        self.logger = logger.with(["pool": .string(name)])
        self.metrics = DatabaseMetrics(metrics, pool: name)
        statementLimit = configuration.statementTimeout
    }

    init(_ configuration: DatabaseConfiguration, logger: Logger, metrics: DatabaseMetrics, canceller: Canceller) {
        self.configuration = configuration
        self.canceller = canceller
        self.logger = logger
        self.metrics = metrics
        statementLimit = configuration.statementTimeout
    }

    deinit { close() }

    // MARK: Connecting

    /// Whether there is a connection, as far as we know.
    public var isConnected: Bool { link?.isLost == false }

    /// How long until `connect()` may try again.
    public var reconnectDelay: Duration { backoff.delay(now: .now) }

    /// The server's process behind this connection.
    public var processID: Int32? { link?.processID }

    /// Connects if there is no connection; looks whether the one there is still lives.
    public func connect() throws(DatabaseError) {
        _ = try liveLink()
    }

    public func close() {
        drop()
    }

    private func liveLink() throws(DatabaseError) -> Link {
        if let link {
            if link.isAlive() { return link }
            drop()
            logger.warning("database connection lost while idle")
        }
        if isPinned || isInTransaction { throw DatabaseError(.connection, "the session or transaction was lost") }
        guard reconnectDelay == .zero else {
            throw DatabaseError(.connection, "the database cannot be reached; waiting before the next attempt")
        }
        do {
            let link = try Link.open(configuration, canceller: canceller, logger: logger)
            self.link = link
            backoff.succeeded()
            metrics.connects.increment()
            metrics.connected.add(1)
            return link
        } catch {
            backoff.failed(now: .now)
            logger.warning("database connection failed", ["reason": .string(error.message)])
            throw error
        }
    }

    private func drop() {
        guard link != nil else { return }
        link = nil
        for name in known.keys { known[name]?.isAtServer = false }
        metrics.connected.add(-1)
    }

    // MARK: Statements

    /// Runs one statement and waits for its whole answer.
    ///
    /// - Parameter timeout: shorter or longer than the configuration's; the server keeps its own limit all the same.
    @discardableResult
    public func execute(
        _ statement: Statement, _ parameters: Parameters = .none, timeout: Duration? = nil
    ) throws(DatabaseError) -> Rows {
        try run(statement, parameters, timeout) { (link, watch) throws(DatabaseError) in
            try link.execute(statement.name, parameters, buffers, &watch)
        }
    }

    /// Runs a statement and gives its rows to `body` one by one (each `Rows` has one), as they arrive: constant memory
    /// for any length. What `body` throws cancels the statement and is thrown on.
    ///
    /// While `body` runs the server waits, within `timeout`.
    public func stream(
        _ statement: Statement, _ parameters: Parameters = .none, timeout: Duration? = nil,
        _ body: (Rows) throws -> Void
    ) throws {
        let refusal = try run(statement, parameters, timeout) { (link, watch) throws(DatabaseError) in
            try link.stream(statement.name, parameters, buffers, &watch, body)
        }
        if let refusal { throw refusal }
    }

    /// Runs statements without parameters, separated by semicolons, as one transaction unless they say otherwise.
    public func script(_ sql: String, timeout: Duration? = nil) throws(DatabaseError) {
        try observing(nil) { () throws(DatabaseError) in
            var watch = try startWatch(timeout)
            let link = try liveLink()
            try settling(link, isStatement: false) { () throws(DatabaseError) in
                try link.script(sql, &watch)
            }
        }
    }

    /// Sends a notification (`pg_notify`). A channel's name has at most 63 bytes, a payload less than 8000.
    public func notify(_ channel: String, _ payload: String = "") throws(DatabaseError) {
        try execute(
            Self.notification,
            Parameters {
                $0.add(channel)
                $0.add(payload)
            })
    }

    private static let notification = Statement("database.notify", "select pg_notify($1, $2)")

    // MARK: Transactions

    /// Runs `body` between BEGIN and COMMIT; what it throws rolls back.
    ///
    /// Three round trips more than a statement by itself, so not for hot paths.
    @discardableResult
    public func transaction<Value>(_ body: () throws -> Value) throws -> Value {
        try begin()
        let value: Value
        do {
            value = try body()
        } catch {
            rollback()
            throw error
        }
        try commit()
        return value
    }

    func begin() throws(DatabaseError) {
        precondition(!isInTransaction, "transactions do not nest")
        try script("begin")
        isInTransaction = true
    }

    func commit() throws(DatabaseError) {
        defer { isInTransaction = false }
        guard link?.transaction != .failed else {
            // The server would answer ROLLBACK to our COMMIT, and that is not an error to it.
            rollback()
            throw DatabaseError(.other, "the transaction had failed before it was committed", sqlState: "25P02")
        }
        try script("commit")
    }

    /// Never fails: a connection that cannot roll back is closed, and the server rolls back then.
    func rollback() {
        defer { isInTransaction = false }
        guard let link, link.transaction != .none else { return }
        do {
            // Also for a caller that is past its time or cancelled.
            var watch = StatementWatch(deadline: .now + StatementWatch.cancelGrace, isCancellable: false)
            try link.script("rollback", &watch)
        } catch {
            logger.warning("rollback failed, connection closed", ["reason": .describing(error)])
            drop()
        }
    }

    /// Connects and stays with that connection until `unpin`.
    func pin() throws(DatabaseError) {
        try connect()
        isPinned = true
    }

    func unpin() {
        rollback()
        isPinned = false
    }

    /// Runs `body` with other limits of this session, and puts the configuration's back. Nil is no limit.
    @discardableResult
    public func withLimits<Value>(
        statement: Duration?, lock: Duration?, _ body: () throws -> Value
    ) throws -> Value {
        try setLimits(statement: statement, lock: lock)
        statementLimit = statement
        defer {
            statementLimit = configuration.statementTimeout
            do {
                try setLimits(statement: configuration.statementTimeout, lock: configuration.lockTimeout)
            } catch {
                // A new session starts with the configuration's limits.
                drop()
            }
        }
        return try body()
    }

    private func setLimits(statement: Duration?, lock: Duration?) throws(DatabaseError) {
        try script(
            "set statement_timeout = \(statement?.wholeMilliseconds ?? 0); "
                + "set lock_timeout = \(lock?.wholeMilliseconds ?? 0)")
    }

    // MARK: -

    /// Prepares where needed, runs, and once again if the server does not know or accept the prepared form any more:
    /// it says so before it does anything.
    private func run<Value>(
        _ statement: Statement, _ parameters: Parameters, _ timeout: Duration?,
        _ body: (Link, inout StatementWatch) throws(DatabaseError) -> Value
    ) throws(DatabaseError) -> Value {
        try observing(statement) { () throws(DatabaseError) in
            var watch = try startWatch(timeout)
            let link = try liveLink()
            return try settling(link, isStatement: true) { () throws(DatabaseError) in
                let wasPrepared = try prepare(statement, parameters, link, &watch)
                do throws(DatabaseError) {
                    return try body(link, &watch)
                } catch {
                    guard wasPrepared, Self.isStale(error), link.transaction == .none else { throw error }
                }
                known[statement.name]?.isAtServer = false
                try link.script("deallocate all", &watch)
                for name in known.keys { known[name]?.isAtServer = false }
                _ = try prepare(statement, parameters, link, &watch)
                return try body(link, &watch)
            }
        }
    }

    /// "Cached plan must not change result type" after a migration, or a session that was reset.
    private static func isStale(_ error: DatabaseError) -> Bool {
        error.sqlState == "0A000" || error.sqlState == "26000"
    }

    /// True when the server had it already.
    private func prepare(
        _ statement: Statement, _ parameters: Parameters, _ link: Link, _ watch: inout StatementWatch
    ) throws(DatabaseError) -> Bool {
        if let entry = known[statement.name] {
            precondition(entry.sql == statement.sql, "two statements are named \(statement.name)")
            precondition(parameters.have(types: entry.types), "\(statement.name) is run with other types than before")
            if entry.isAtServer { return true }
        }
        let types = parameters.slots.map(\.type.rawValue)
        try link.prepare(statement.name, statement.sql, types, &watch)
        known[statement.name] = Prepared(
            sql: statement.sql, types: types, seconds: metrics.seconds(of: statement.name), isAtServer: true)
        return false
    }

    private func startWatch(_ timeout: Duration?) throws(DatabaseError) -> StatementWatch {
        if canceller.isCancelled { throw DatabaseError(.cancelled, "cancelled before it was sent") }
        let now = ContinuousClock.now
        let limit = timeout ?? statementLimit.map { $0 + DatabaseConfiguration.clientGrace }
        let end = [limit.map { now + $0 }, deadline].compactMap(\.self).min()
        if let end, end <= now { throw DatabaseError(.timeout, "its time was over before it was sent") }
        return StatementWatch(deadline: end)
    }

    /// Drops a connection that did not survive, and one whose server stopped taking writes.
    private func settling<Value>(
        _ link: Link, isStatement: Bool, _ body: () throws(DatabaseError) -> Value
    ) throws(DatabaseError) -> Value {
        let isInTransaction = link.transaction != .none
        do {
            return try body()
        } catch {
            var error = error
            // A loss within a transaction is a rollback; only the COMMIT, which is a script, leaves doubt.
            if isInTransaction, isStatement { error.outcomeUnknown = false }
            if link.isLost || error.code == .readOnly {
                logger.warning("database connection dropped", ["reason": .describing(error)])
                drop()
            }
            throw error
        }
    }

    /// Counts the time or the error.
    private func observing<Value>(
        _ statement: Statement?, _ body: () throws(DatabaseError) -> Value
    ) throws(DatabaseError) -> Value {
        let started = ContinuousClock.now
        do {
            let value = try body()
            if let statement {
                known[statement.name]?.seconds.observe(started.duration(to: .now).inSeconds)
            }
            return value
        } catch {
            var error = error
            error.statement = statement?.name
            metrics.count(error)
            throw error
        }
    }
}

extension Parameters {
    func have(types: [UInt32]) -> Bool {
        slots.count == types.count && zip(slots, types).allSatisfy { $0.type.rawValue == $1 }
    }
}
