extension Settings {
    public static let dedupeWindow = Setting(
        "dedupe.window", .duration(.seconds(86_400) ... .seconds(7 * 86_400)), default: "24h",
        "How long a key keeps a second event with it from the feed.")
    public static let retentionFeed = Setting(
        "retention.feed", .duration(.seconds(86_400) ... .seconds(3650 * 86_400)), default: "30d",
        "How long events stay on the feed.")
    public static let retentionAudit = Setting(
        "retention.audit", .duration(.seconds(86_400) ... .seconds(3650 * 86_400)), default: "30d",
        "How long the records of attempts and refusals are kept.")
    public static let retentionDeadLetters = Setting(
        "retention.dead-letters", .duration(.seconds(86_400) ... .seconds(3650 * 86_400)), default: "30d",
        "How long dead letters and agents' runs are kept.")
    public static let retentionTopics = Setting(
        "retention.topics", .duration(.seconds(4 * 86_400) ... .seconds(365 * 86_400)), default: "7d",
        "How long Kafka keeps records; at least a day more than the 72 h that a delivery can wait.")

    static let keeping: [SettingDeclaration] = [
        dedupeWindow.declaration, retentionFeed.declaration, retentionAudit.declaration,
        retentionDeadLetters.declaration, retentionTopics.declaration,
    ]
}
