/// How a producer behaves; the defaults are the ingest path's.
public struct KafkaProducerSettings: Sendable {
    public var connection: KafkaConnection
    /// The producer's name in metrics, a word of a closed set.
    public var role = "producer"
    /// The longest time until a record's outcome is known. Below the deadline of the request that waits for it, so that
    /// the request can still be answered. librdkafka looks for late records once a second, so up to 1 s more.
    public var deliveryTimeout: Duration = .seconds(4)
    /// Bytes handed over and not answered yet, in all; a batch beyond it is refused with `KafkaError.Code.full`.
    public var inFlightBytes = 32 << 20
    /// How often librdkafka's statistics are read into the metrics.
    public var statisticsInterval: Duration = .seconds(10)

    public init(connection: KafkaConnection) {
        self.connection = connection
    }

    /// What each record in flight costs beside its bytes, for the bound.
    static let recordOverhead = 96

    var properties: [(String, String)] {
        let timeout = "\(max(deliveryTimeout.wholeMilliseconds, 1))"
        return ClientProperties.common(connection, statistics: statisticsInterval) + [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            // Batches come from us; waiting for more would only add to each answer.
            ("linger.ms", "0"),
            ("delivery.timeout.ms", timeout),
            // The broker's patience with its replicas must not outlast ours.
            ("request.timeout.ms", timeout),
            ("message.max.bytes", "\(KafkaConnection.largestRecord + ClientProperties.recordFraming)"),
            // Our own bound comes first; librdkafka's is there for a mistake of ours.
            ("queue.buffering.max.kbytes", "\(2 * (inFlightBytes + KafkaConnection.largestRecord) / 1024)"),
            ("queue.buffering.max.messages", "10000000"),
        ]
    }
}

/// What producers, consumers and the administrator have in common.
enum ClientProperties {
    /// Bytes of a record's framing and headers beyond its value, generously.
    static let recordFraming = 64 << 10

    static func common(_ connection: KafkaConnection, statistics: Duration) -> [(String, String)] {
        [
            ("bootstrap.servers", connection.bootstrapServers),
            ("client.id", connection.clientID),
            // Log lines come as events into our own log, not to stderr.
            ("log.queue", "true"),
            // Debian's 2.0.2 leaves Nagle on; it cost 40 ms a batch against a peer with delayed acknowledgements.
            ("socket.nagle.disable", "true"),
            ("socket.keepalive.enable", "true"),
            // The default backs off to 10 s, longer than a broker takes to start.
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "1000"),
            ("statistics.interval.ms", "\(statistics.wholeMilliseconds)"),
        ]
    }
}

extension Duration {
    var wholeMilliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
