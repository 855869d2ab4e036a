/// The channels (LISTEN, NOTIFY) between the tailer and whoever puts events on the feed: an idle reader announces itself, and
/// the next writer notifies after its commit, once (design §3).
public enum FeedWakeUps {
    /// The event log on Postgres listens to the first; a matcher that stores what Kafka brought, to the second.
    static let idleChannels = ["events.idle", "feed.idle"]
    /// Where they answer.
    public static let channels = ["events", "feed"]
}
