internal import Observability

/// The figures of `StoreWatch` that have no partition or table of their own.
struct StoreInstruments: Sendable {
    let failures: Counter
    private let positions: Gauge
    private let version: Gauge
    private let parked: Gauge
    private let oldest: [String: Gauge]
    private let lockWaits: Gauge
    private let lockWait: Gauge
    private let transaction: Gauge
    private let connections: Gauge
    private let connectionLimit: Gauge
    private let transactionAge: Gauge
    private let databaseBytes: Gauge

    init(_ registry: MetricsRegistry, retention: Maintenance.Retention, capacity: Int) {
        databaseBytes = registry.gauge("fanfare_store_database_bytes", "Bytes of the database, without its log.")
        registry.gauge(
            "fanfare_store_capacity_bytes", "Bytes that the database may take, by `postgres.capacity`; 0: not said."
        ).set(Double(capacity))
        failures = registry.counter("fanfare_store_watch_failures_total", "Looks at the store that failed.")
        positions = registry.gauge("fanfare_store_feed_positions", "Positions of the feed that are kept.")
        version = registry.gauge("fanfare_store_configuration_version", "Version of the webhooks' configuration.")
        parked = registry.gauge(
            "fanfare_store_parked_records", "Log records that nobody could store and that wait for somebody to look.")
        let kept = [
            ("events", retention.feed), ("webhook_audit", retention.audit), ("dead_letters", retention.deadLetters),
        ]
        oldest = Dictionary(
            uniqueKeysWithValues: kept.map { table, _ in
                (
                    table,
                    registry.gauge(
                        "fanfare_store_oldest_seconds", "Age of the oldest row of a table.",
                        labels: [("table", table)])
                )
            })
        for (table, length) in kept {
            registry.gauge(
                "fanfare_store_retention_seconds", "How long rows of a table are kept.", labels: [("table", table)]
            ).set(length / .seconds(1))
        }
        lockWaits = registry.gauge("fanfare_store_lock_waits", "Sessions that wait for a lock.")
        lockWait = registry.gauge("fanfare_store_lock_wait_seconds", "The longest such wait that goes on.")
        transaction = registry.gauge(
            "fanfare_store_transaction_seconds", "Age of the oldest open transaction: vacuum waits for it.")
        connections = registry.gauge("fanfare_store_connections", "Sessions of the database server.")
        connectionLimit = registry.gauge("fanfare_store_connections_limit", "Sessions that the server allows.")
        transactionAge = registry.gauge(
            "fanfare_store_transaction_id_age", "Transactions since the oldest unfrozen one; at 2 billion all stops.")
    }

    func update(_ facts: StoreFacts) {
        positions.set(facts.feedPositions)
        version.set(facts.configurationVersion)
        parked.set(facts.parked)
        for (table, age) in facts.oldest { oldest[table]?.set(age) }
        lockWaits.set(facts.lockWaits)
        lockWait.set(facts.longestLockWait)
        transaction.set(facts.longestTransaction)
        connections.set(facts.connections)
        connectionLimit.set(facts.connectionLimit)
        transactionAge.set(facts.transactionAge)
        if let bytes = facts.databaseBytes { databaseBytes.set(bytes) }
    }
}
