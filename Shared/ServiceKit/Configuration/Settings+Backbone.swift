/// What carries the events.
public enum BackboneKind: String, Sendable, CaseIterable {
    case postgres, kafka
}

extension Settings {
    public static let backboneKind = Setting(
        "backbone", .choice(of: BackboneKind.self), default: "postgres",
        "What carries events and deliveries: Postgres alone, or Kafka with Postgres as the store.")
    public static let postgresDSN = OptionalSetting(
        "postgres.dsn", .secret, "How to reach Postgres, as libpq reads it: a URL or `host=… dbname=…`.")
    public static let postgresConnections = Setting(
        "postgres.connections", .int(1...64), default: "8", "Connections to Postgres, each with a thread of its own.")
    public static let postgresCapacity = OptionalSetting(
        "postgres.capacity", .bytes(1 << 20...1 << 60), used: [.matcher],
        "Bytes that the database may take on its disk: the alert before it is full counts from here.")
    public static let kafkaBrokers = OptionalSetting(
        "kafka.brokers", .list, "Kafka's bootstrap servers, `host:port` each.")
    public static let kafkaTopicPrefix = OptionalSetting(
        "kafka.topic-prefix",
        .string("up to 64 of A-Z a-z 0-9 . _ -", length: 1...64) { byte in
            isLetterOrDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        },
        "Written before the names of topics and groups, for several installations on one cluster.")
    public static let kafkaReplicas = Setting(
        "kafka.replicas", .int(1...16), default: "1",
        "Copies of each record: 1 on a single broker, 3 in a cluster (of which 2 must acknowledge).")
    public static let eventsPartitions = Setting(
        "events.partitions", .int(1...1024), default: "12",
        "Partitions of the event log; more of them by `fanfare partitions grow`, never fewer.")
    public static let lanesPartitions = Setting(
        "lanes.partitions", .int(1...1024), default: "48",
        "Partitions of the delivery lanes; more of them by `fanfare partitions grow`, never fewer.")

    static let backbone: [SettingDeclaration] = [
        backboneKind.declaration, postgresDSN.declaration, postgresConnections.declaration,
        postgresCapacity.declaration, kafkaBrokers.declaration,
        kafkaTopicPrefix.declaration, kafkaReplicas.declaration, eventsPartitions.declaration,
        lanesPartitions.declaration,
    ]
}

func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}
