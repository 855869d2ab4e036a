public import Database
public import Observability

/// Keeps the store's tables in shape: partitions ahead of the next row, retention, the dedupe window.
///
/// Any number of processes may run it; an advisory lock lets one work at a time. It never holds up traffic: every lock
/// that it asks for is given up after `lockTimeout`, and the next round tries again.
///
/// ```swift
/// let maintenance = Maintenance(pool, logger: logger, metrics: registry)
/// await maintenance.run()   // until cancelled
/// ```
public struct Maintenance: Sendable {
    /// How long things are kept.
    public struct Retention: Sendable {
        public var feed: Duration
        public var audit: Duration
        public var deadLetters: Duration
        /// The dedupe window: keys and aliases are kept at least this long.
        public var dedupe: Duration

        public init(
            feed: Duration = .seconds(30 * 86_400), audit: Duration = .seconds(30 * 86_400),
            deadLetters: Duration = .seconds(30 * 86_400), dedupe: Duration = .seconds(86_400)
        ) {
            self.feed = feed
            self.audit = audit
            self.deadLetters = deadLetters
            self.dedupe = dedupe
        }
    }

    /// Time between two rounds.
    public static let interval: Duration = .seconds(10)
    /// Whole partitions in front of the next row.
    static let partitionsAhead: Int32 = 2
    static let lockTimeout: Duration = .milliseconds(300)
    static let statementTimeout: Duration = .seconds(30)
    /// Rows that one purge removes of each table.
    static let purgeLimit: Int32 = 5_000
    /// Spans are kept as long as lanes may hold records of theirs.
    static let cursorRetention: Duration = .seconds(8 * 86_400)
    /// "fanmaint" in ASCII: the key of the advisory lock.
    static let lockKey: Int64 = 0x66_61_6E_6D_61_69_6E_74

    /// A partition of the audit that fills slowly takes no new rows after a tenth of the retention, so that rows are kept
    /// a tenth longer than that at most. Not less than a day: every statement locks every partition.
    private static let shortestAuditGeneration: Duration = .seconds(86_400)
    private var auditGeneration: Duration { max(Self.shortestAuditGeneration, retention.audit / 10) }

    private let executor: any StatementExecutor
    private let retention: Retention
    private let logger: Logger
    private let failures: Counter
    private let droppedLetters: Counter
    private let ahead: [String: Gauge]

    public init(
        _ executor: any StatementExecutor, retention: Retention = Retention(), logger: Logger,
        metrics: MetricsRegistry
    ) {
        self.executor = executor
        self.retention = retention
        self.logger = logger
        failures = metrics.counter("fanfare_maintenance_failures_total", "Rounds of maintenance that failed.")
        droppedLetters = metrics.counter(
            "fanfare_dead_letters_dropped_total",
            "Dead letters that their retention ended and that nobody had sent again.")
        ahead = Dictionary(
            uniqueKeysWithValues: ["events", "lanes", "webhook_audit", "dedupe"].map { table in
                (
                    table,
                    metrics.gauge(
                        "fanfare_partitions_ahead", "Whole partitions in front of a table's next row; 0 is an alert.",
                        labels: [("table", table)])
                )
            })
    }

    /// Works every 10 s until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                try await round()
            } catch {
                if Task.isCancelled { return }
                failures.increment()
                logger.warning("maintenance failed", ["reason": .describing(error)])
            }
            do {
                try await ContinuousClock().sleep(for: Self.interval)
            } catch {
                return
            }
        }
    }

    /// One round; does nothing while another process is at it.
    public func round() async throws {
        try await executor.perform(timeout: Self.statementTimeout) { [self] connection in
            try connection.withLimits(statement: Self.statementTimeout, lock: Self.lockTimeout) {
                try observeAhead(connection)
                guard try connection.execute(MaintenanceStatements.tryLock, Self.key).bool(0, 0) else { return }
                let result = Result { try work(connection) }
                // When this fails the session is gone, and the lock with it.
                try connection.execute(MaintenanceStatements.unlock, Self.key)
                try result.get()
                try observeAhead(connection)
            }
        }
    }

    private static let key = Parameters { $0.add(lockKey) }

    /// Moves positions, versions and epochs on where the database was restored or has failed over; else does nothing. Until
    /// somebody has, nothing is put on the feed. `run` does it too, within 10 s.
    public static func adoptCluster(_ executor: any StatementExecutor) async throws(DatabaseError) {
        try await executor.execute(MaintenanceStatements.adopt)
    }

    private func observeAhead(_ connection: BlockingConnection) throws {
        let rows = try connection.execute(MaintenanceStatements.ahead)
        for row in 0..<rows.count { ahead[rows.text(row, 0)]?.set(Double(rows.int64(row, 1))) }
    }

    private func work(_ connection: BlockingConnection) throws {
        // First of all: while the server is another than the head knows, nothing can be put on the feed.
        try connection.execute(MaintenanceStatements.adopt)
        let made = try connection.execute(
            MaintenanceStatements.extend, Parameters { $0.add(Self.partitionsAhead) }
        ).int(0, 0)
        if made > 0 { logger.info("partitions made", ["count": .int(made)]) }
        let isRolled = try connection.execute(
            MaintenanceStatements.rollAudit, Parameters { $0.add(interval: auditGeneration) }
        ).bool(0, 0)
        if isRolled { logger.info("partition of the audit begun early") }
        try removeExpired(connection)
        try connection.execute(
            MaintenanceStatements.purge,
            Parameters {
                $0.add(interval: retention.dedupe)
                $0.add(interval: retention.deadLetters)
                $0.add(Self.purgeLimit)
            })
        try connection.execute(
            MaintenanceStatements.purgeCursors,
            Parameters {
                $0.add(interval: Self.cursorRetention)
                $0.add(Self.purgeLimit)
            })
        try dropLetters(connection)
        // A job is kept as long as the letters that it may speak of.
        try connection.execute(
            MaintenanceStatements.purgeJobs,
            Parameters {
                $0.add(interval: retention.deadLetters)
                $0.add(Self.purgeLimit)
            })
    }

    /// Dead letters that are past their time: each leaves a row in the audit, all of them a line in the log and a count.
    private func dropLetters(_ connection: BlockingConnection) throws {
        let rows = try connection.execute(
            MaintenanceStatements.dropLetters,
            Parameters {
                $0.add(interval: retention.deadLetters)
                $0.add(Self.purgeLimit)
            })
        for row in 0..<rows.count {
            droppedLetters.increment(by: rows.int(row, 3))
            logger.warning(
                "dead-letters-dropped",
                [
                    "reason": "retention", "tenant": .string(rows.text(row, 0)), "webhook": .string(rows.text(row, 1)),
                    "count": .int(rows.int(row, 2)), "never-redriven": .int(rows.int(row, 3)),
                ])
        }
    }

    private func removeExpired(_ connection: BlockingConnection) throws {
        let rows = try connection.execute(
            MaintenanceStatements.expired,
            Parameters {
                $0.add(interval: retention.feed)
                $0.add(interval: retention.audit)
                $0.add(interval: retention.dedupe)
            })
        for row in 0..<rows.count {
            let parent = rows.text(row, 0)
            let name = rows.text(row, 1)
            if let end = rows.optionalInt64(row, 2) {
                try connection.execute(
                    MaintenanceStatements.retire,
                    Parameters {
                        $0.add(parent)
                        $0.add(end)
                    })
            }
            try remove(parent, name, state: rows.text(row, 3), connection)
            logger.info("partition removed", ["table": .string(parent), "partition": .string(name)])
        }
    }

    /// Names come from our own catalogue: letters, digits and underscores.
    private func remove(_ parent: String, _ name: String, state: String, _ connection: BlockingConnection) throws {
        switch state {
        case "attached":
            try connection.script("alter table fanfare.\(parent) detach partition fanfare.\(name) concurrently")
        case "detaching":
            try connection.script("alter table fanfare.\(parent) detach partition fanfare.\(name) finalize")
        default: break
        }
        if state != "dropped" { try connection.script("drop table fanfare.\(name)") }
        try connection.execute(MaintenanceStatements.forget, Parameters { $0.add(name) })
    }
}
