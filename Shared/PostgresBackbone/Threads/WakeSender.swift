internal import Backbone
internal import Database
internal import Observability
internal import Synchronization

/// Wakes those who wait for rows of a topic.
///
/// While little comes in, the transaction that writes the rows notifies: one commit and one round trip less in a delivery's
/// way than a notification of its own, and nobody has to say that they wait. That would be a notification too, and each one
/// wakes every session that listens in this database. At the peak NOTIFY is in the way: it holds a lock of the whole
/// database until its commit is flushed. So it is paced, and what was committed without is told when its time has come.
final class WakeSender: Sendable {
    private let topic: String
    private let logger: Logger
    private let pace = Mutex(WakePace())

    init(topic: String, logger: Logger) {
        self.topic = topic
        self.logger = logger
    }

    /// When `sendIfDue` is to be called, by any of the writers' threads.
    var due: ContinuousClock.Instant? { pace.withLock { $0.due } }

    /// A transaction begins that writes rows: the channel that it is to notify; empty for none.
    func begin() -> String {
        pace.withLock { $0.begin(at: .now) } ? topic : ""
    }

    /// It is committed.
    func committed(rows: Int, notified channel: String) {
        pace.withLock { $0.committed(rows: rows, hasWoken: !channel.isEmpty, at: .now) }
    }

    /// It failed.
    func failed(notified channel: String) {
        if !channel.isEmpty { pace.withLock { $0.failed(at: .now) } }
    }

    func sendIfDue(on connection: BlockingConnection) {
        guard pace.withLock({ $0.takeDue(at: .now) }) else { return }
        do {
            try connection.notify(topic)
        } catch {
            // Readers look by themselves before long.
            logger.warning("wake-up not sent", ["topic": .string(topic), "reason": .describing(error)])
        }
    }
}
