/// Where the database is and how long anything there may take.
///
/// | property | default | range |
/// |---|---|---|
/// | `dsn` | – | a libpq connection string or URL; everything libpq knows may be in it, several hosts included |
/// | `connections` | 4 | 1–200 |
/// | `maximumWaiting` | 1024 | ≥ 0 |
/// | `connectTimeout` | 3 s | per host, at least 2 s, whole seconds |
/// | `statementTimeout` | 5 s | ≥ 1 ms; kept by the server, and by us with a second's grace |
/// | `lockTimeout` | 2 s | ≥ 1 ms |
/// | `idleInTransactionTimeout` | 2 s | ≥ 1 ms |
/// | `applicationName` | `fanfare` | shown in `pg_stat_activity` |
/// | `sessionSettings` | none | parameters of the server's for each session, beside `jit = off` |
///
/// A proxy that shares server sessions between transactions (PgBouncer in transaction mode) does not work: statements
/// are prepared once a connection, and listening needs a session.
public struct DatabaseConfiguration: Sendable {
    /// A libpq connection string (`host=… dbname=…`) or URL (`postgresql://…`). It may hold a password: never printed.
    public var dsn: String
    /// How many connections a pool keeps, each with a thread of its own.
    public var connections: Int
    /// How many calls may wait for a connection of a pool; one more is refused with `.exhausted`.
    public var maximumWaiting: Int
    public var connectTimeout: Duration
    public var statementTimeout: Duration
    public var lockTimeout: Duration
    /// How long the server lets a transaction sit without a statement before it ends the session.
    public var idleInTransactionTimeout: Duration
    public var applicationName: String
    /// Parameters of the server's (`enable_seqscan`, `synchronous_commit`…) that each session starts with; names and
    /// values without blanks. `jit` is off unless set here: compiling a plan takes longer than any statement of ours.
    public var sessionSettings: [String: String] = [:]

    public init(
        dsn: String, connections: Int = 4, maximumWaiting: Int = 1024, connectTimeout: Duration = .seconds(3),
        statementTimeout: Duration = .seconds(5), lockTimeout: Duration = .seconds(2),
        idleInTransactionTimeout: Duration = .seconds(2), applicationName: String = "fanfare"
    ) {
        self.dsn = dsn
        self.connections = connections
        self.maximumWaiting = maximumWaiting
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.lockTimeout = lockTimeout
        self.idleInTransactionTimeout = idleInTransactionTimeout
        self.applicationName = applicationName
    }

    /// What we wait beyond `statementTimeout`, so that the server's own limit comes first and tells more.
    static let clientGrace: Duration = .seconds(1)
    /// How long TCP may leave sent bytes unacknowledged: a host that vanished is noticed after this.
    static let tcpUserTimeout: Duration = .seconds(10)
}

/// What is printed leaves the DSN out.
extension DatabaseConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(applicationName): \(connections) connections" }
    public var debugDescription: String { description }
    public var customMirror: Mirror {
        Mirror(self, children: ["applicationName": applicationName, "connections": connections])
    }
}
