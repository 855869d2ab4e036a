extension Settings {
    public static let tracingCollector = OptionalSetting(
        "tracing.collector", .string, used: [.ingest, .matcher, .delivery],
        "Where spans are posted as OTLP/HTTP JSON: the whole URL, such as `http://collector:4318/v1/traces`; without it nothing "
            + "is traced, and a sender's `traceparent` is passed on all the same.")
    public static let tracingOneIn = Setting(
        "tracing.one-in", .int(0...1_000_000), default: "1000", used: [.ingest],
        "One in so many events that came without a `traceparent` begins a trace of its own; 0: none does.")
    public static let recordsVersion = Setting(
        "records.version", .int(1...2), default: "1",
        "Version of the format in which records are written to Kafka; a new one only when all programs read it.")

    static let telemetry: [SettingDeclaration] = [
        tracingCollector.declaration, tracingOneIn.declaration, recordsVersion.declaration,
    ]
}
