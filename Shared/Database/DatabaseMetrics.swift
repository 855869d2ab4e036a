internal import Observability

/// The instruments of a pool or connection. Labels come from the source only: statement names, error codes, pool names.
final class DatabaseMetrics: Sendable {
    private let registry: MetricsRegistry
    private let errors: [DatabaseError.Code: Counter]
    let connects: Counter
    let connected: Gauge
    let inUse: Gauge

    /// Seconds: 50 µs is a look-up by key on a local socket.
    private static let buckets: [Double] = [
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 2.5,
        5,
    ]

    init(_ registry: MetricsRegistry, pool: String) {
        self.registry = registry
        registry.announce(Self.statements.name, Self.statements.help, kind: .histogram)
        let labels = [("pool", pool)]
        errors = Dictionary(
            uniqueKeysWithValues: DatabaseError.Code.allCases.map { code in
                (
                    code,
                    registry.counter(
                        "fanfare_database_errors_total", "Failed calls to the database, by what went wrong.",
                        labels: labels + [("code", code.rawValue)])
                )
            })
        connects = registry.counter(
            "fanfare_database_connects_total", "Connections made to the database.", labels: labels)
        connected = registry.gauge(
            "fanfare_database_connections", "Connections to the database that stand.", labels: labels)
        inUse = registry.gauge(
            "fanfare_database_connections_in_use", "Connections that run something now.", labels: labels)
    }

    func waiting(pool: String, read: @escaping @Sendable () -> Double) {
        registry.observedGauge(
            "fanfare_database_waiting", "Calls that wait for a connection.", labels: [("pool", pool)], read: read)
    }

    private static let statements = (
        name: "fanfare_database_statement_seconds", help: "Seconds from sending a statement to its whole answer."
    )

    /// Look it up once a statement and connection.
    func seconds(of statement: String) -> Histogram {
        registry.histogram(
            Self.statements.name, Self.statements.help, buckets: Self.buckets, labels: [("statement", statement)])
    }

    func count(_ error: DatabaseError) {
        errors[error.code]?.increment()
    }
}
