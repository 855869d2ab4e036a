/// How the tailer hears (LISTEN) of those who put events on the feed.
public struct FeedWakeUps: Sendable {
    /// Where they notify.
    public let channel: String
    /// Where they want to know that a reader waits, before they do: storing what Kafka brought needs no notifications for
    /// anybody else. Nil where they notify anyway.
    let idleChannel: String?

    /// The event log on Postgres: matchers wait for the same rows.
    public static let postgres = FeedWakeUps(channel: "events", idleChannel: nil)
    /// A matcher that stores what Kafka brought.
    public static let kafka = FeedWakeUps(channel: "feed", idleChannel: "feed.idle")
}
