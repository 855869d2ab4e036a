internal import Observability

/// The metrics of one client, a fixed set labelled by its role (`client="producer"`, `client="deliveries"`, …).
struct ClientMetrics: Sendable {
    let acknowledged: Counter
    let notPersisted: Counter
    let possiblyPersisted: Counter
    let refusedFull: Counter
    let inFlightBytes: Gauge
    let consumed: Counter
    let dropped: Counter
    let gaps: Counter
    let ringBytes: Gauge
    let pauses: Counter
    let rebalances: Counter
    let lost: Counter
    let commits: Counter
    let failedCommits: Counter
    let errors: Counter
    private let queued: Gauge
    private let roundTrip: Gauge
    private let requestTimeouts: Gauge
    private let disconnects: Gauge

    init(_ registry: MetricsRegistry, client: String) {
        let labels = [("client", client)]
        func counter(_ name: String, _ help: String, _ more: [(String, String)] = []) -> Counter {
            registry.counter(name, help, labels: labels + more)
        }
        func gauge(_ name: String, _ help: String) -> Gauge { registry.gauge(name, help, labels: labels) }
        let produced = "Records produced, by outcome."
        acknowledged = counter("kafka_produced_records_total", produced, [("outcome", "acknowledged")])
        notPersisted = counter("kafka_produced_records_total", produced, [("outcome", "not_persisted")])
        possiblyPersisted = counter("kafka_produced_records_total", produced, [("outcome", "possibly_persisted")])
        refusedFull = counter("kafka_refused_batches_total", "Batches refused since too much was in flight.")
        inFlightBytes = gauge("kafka_in_flight_bytes", "Bytes handed to librdkafka and not answered yet.")
        consumed = counter("kafka_consumed_records_total", "Records taken from the log.")
        dropped = counter("kafka_dropped_records_total", "Records fetched and thrown away; they are fetched again.")
        gaps = counter("kafka_offset_gaps_total", "Offsets that were asked for and are no longer in the log.")
        ringBytes = gauge("kafka_ring_bytes", "Bytes fetched and not taken by the service yet.")
        pauses = counter("kafka_partition_pauses_total", "Pauses of partitions, by back-pressure or a delay.")
        rebalances = counter("kafka_rebalances_total", "Changes of what this member owns.")
        lost = counter("kafka_lost_assignments_total", "Times that all partitions were lost without a hand-over.")
        commits = counter("kafka_commits_total", "Offset commits, by result.", [("result", "acknowledged")])
        failedCommits = counter("kafka_commits_total", "Offset commits, by result.", [("result", "failed")])
        errors = counter("kafka_client_errors_total", "Errors that librdkafka reported.")
        queued = gauge("kafka_client_queued_records", "Records inside librdkafka.")
        roundTrip = gauge("kafka_client_round_trip_seconds", "99th percentile of the slowest broker's answers.")
        requestTimeouts = gauge("kafka_client_request_timeouts", "Requests that brokers did not answer, since start.")
        disconnects = gauge("kafka_client_disconnects", "Connections lost, since start.")
    }

    /// Takes over the few figures that say how the cluster does; everything else in the document is left where it is.
    func update(fromStatistics document: UnsafeRawBufferPointer) {
        var statistics = ClientStatistics()
        statistics.read(document)
        queued.set(Double(statistics.queuedRecords))
        roundTrip.set(Double(statistics.slowestRoundTrip) / 1_000_000)
        requestTimeouts.set(Double(statistics.requestTimeouts))
        disconnects.set(Double(statistics.disconnects))
    }
}
