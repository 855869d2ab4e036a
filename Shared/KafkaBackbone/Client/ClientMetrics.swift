internal import Observability
internal import Synchronization

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
    private let totals: StatisticsTotals
    /// Where the partitions end, as of the last statistics.
    let ends: LogEnds

    init(_ registry: MetricsRegistry, client: String) {
        let labels = [("client", client)]
        func counter(_ name: String, _ help: String, _ more: [(String, String)] = []) -> Counter {
            registry.counter(name, help, labels: labels + more)
        }
        func gauge(_ name: String, _ help: String) -> Gauge { registry.gauge(name, help, labels: labels) }
        let produced = "Records produced, by outcome."
        acknowledged = counter("fanfare_kafka_produced_records_total", produced, [("outcome", "acknowledged")])
        notPersisted = counter("fanfare_kafka_produced_records_total", produced, [("outcome", "not_persisted")])
        possiblyPersisted = counter(
            "fanfare_kafka_produced_records_total", produced, [("outcome", "possibly_persisted")])
        refusedFull = counter("fanfare_kafka_refused_batches_total", "Batches refused since too much was in flight.")
        inFlightBytes = gauge("fanfare_kafka_in_flight_bytes", "Bytes handed to librdkafka and not answered yet.")
        consumed = counter("fanfare_kafka_consumed_records_total", "Records taken from the log.")
        dropped = counter(
            "fanfare_kafka_dropped_records_total", "Records fetched and thrown away; they are fetched again.")
        gaps = counter("fanfare_kafka_offset_gaps_total", "Offsets that were asked for and are no longer in the log.")
        ringBytes = gauge("fanfare_kafka_ring_bytes", "Bytes fetched and not taken by the service yet.")
        pauses = counter("fanfare_kafka_partition_pauses_total", "Pauses of partitions, by back-pressure or a delay.")
        rebalances = counter("fanfare_kafka_rebalances_total", "Changes of what this member owns.")
        lost = counter(
            "fanfare_kafka_lost_assignments_total", "Times that all partitions were lost without a hand-over.")
        commits = counter("fanfare_kafka_commits_total", "Offset commits, by result.", [("result", "acknowledged")])
        failedCommits = counter("fanfare_kafka_commits_total", "Offset commits, by result.", [("result", "failed")])
        errors = counter("fanfare_kafka_errors_total", "Errors that librdkafka reported.")
        queued = gauge("fanfare_kafka_queued_records", "Records inside librdkafka.")
        roundTrip = gauge("fanfare_kafka_round_trip_seconds", "99th percentile of the slowest broker's answers.")
        let totals = StatisticsTotals()
        self.totals = totals
        ends = LogEnds()
        registry.observedCounter(
            "fanfare_kafka_request_timeouts_total", "Requests that brokers did not answer in time.", labels: labels
        ) { Double(totals.requestTimeouts) }
        registry.observedCounter("fanfare_kafka_disconnects_total", "Connections lost.", labels: labels) {
            Double(totals.disconnects)
        }
        registry.observedCounter(
            "fanfare_kafka_transmitted_bytes_total", "Bytes sent to brokers.", labels: labels
        ) { Double(totals.transmitted) }
        registry.observedCounter(
            "fanfare_kafka_received_bytes_total", "Bytes received from brokers.", labels: labels
        ) { Double(totals.received) }
    }

    /// Takes over the few figures that say how the cluster does; everything else in the document is left where it is.
    func update(fromStatistics document: UnsafeRawBufferPointer) {
        var statistics = ClientStatistics()
        statistics.read(document)
        queued.set(Double(statistics.queuedRecords))
        roundTrip.set(Double(statistics.slowestRoundTrip) / 1_000_000)
        totals.set(statistics)
        ends.set(statistics.ends)
    }
}

/// Totals of librdkafka's own, since the client's start.
final class StatisticsTotals: Sendable {
    private let values = Mutex(ClientStatistics())

    var requestTimeouts: Int { values.withLock(\.requestTimeouts) }
    var disconnects: Int { values.withLock(\.disconnects) }
    var transmitted: Int { values.withLock(\.transmitted) }
    var received: Int { values.withLock(\.received) }

    func set(_ statistics: ClientStatistics) {
        values.withLock { values in
            values = statistics
            values.ends = [:]
        }
    }
}

/// Where the partitions end that a client reads.
final class LogEnds: Sendable {
    private let ends = Mutex<[TopicPartition: Int64]>([:])

    /// The offset behind the last record, as of the last statistics; nil where nothing is known.
    func end(of partition: TopicPartition) -> Int64? { ends.withLock { $0[partition] } }

    func set(_ new: [TopicPartition: Int64]) { ends.withLock { $0 = new } }
}
