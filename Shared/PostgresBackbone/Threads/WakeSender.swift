internal import Database
internal import Observability
internal import Synchronization

/// Wakes those who wait for rows of a topic, and only when there are any: they say so on `<topic>.idle`.
///
/// The committing transaction never notifies: NOTIFY takes a lock of the whole database until the commit is flushed,
/// which makes all commits queue. So the first commit after somebody said "idle" is followed by one NOTIFY, at once, on
/// the thread and the connection that committed: a thread of its own cost another wake-up in each delivery's way.
final class WakeSender: Sendable {
    private let topic: String
    private let logger: Logger
    /// Somebody may be waiting. True at first: who waits may have said so before we listened.
    private let somebodyWaits = Atomic<Bool>(true)

    init(topic: String, logger: Logger) {
        self.topic = topic
        self.logger = logger
    }

    /// Somebody said that they wait, or may have.
    func heardIdle() {
        somebodyWaits.store(true, ordering: .releasing)
    }

    /// To be called after each commit that a waiting reader would want to see.
    func committed(on connection: BlockingConnection) {
        guard somebodyWaits.exchange(false, ordering: .acquiringAndReleasing) else { return }
        do {
            try connection.notify(topic)
        } catch {
            // The reader's own poll finds the rows; the next commit tries again.
            heardIdle()
            logger.warning("wake-up not sent", ["topic": .string(topic), "reason": .describing(error)])
        }
    }
}
