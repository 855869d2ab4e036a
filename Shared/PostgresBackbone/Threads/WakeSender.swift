internal import Database
internal import Observability
internal import Synchronization

/// Wakes those who wait for rows of a topic, and only when there are any: they say so on `<topic>.idle`.
///
/// The committing transaction never notifies: NOTIFY takes a lock of the whole database until the commit is flushed,
/// which makes all commits queue. So the first commit after somebody said "idle" is followed by one NOTIFY from a
/// connection of its own, whose commit is not waited for.
final class WakeSender: Sendable {
    private enum Request { case none, wake, stop }

    private let connection: DatabaseConfiguration
    private let topic: String
    private let logger: Logger
    private let metrics: MetricsRegistry
    /// Somebody may be waiting. True at first: who waits may have said so before we listened.
    private let somebodyWaits = Atomic<Bool>(true)
    private let request = Monitor(Request.none)
    private let canceller = Canceller()

    init(_ database: DatabaseConfiguration, topic: String, logger: Logger, metrics: MetricsRegistry) {
        var database = database
        database.sessionSettings["synchronous_commit"] = "off"
        self.connection = database
        self.topic = topic
        self.logger = logger
        self.metrics = metrics
    }

    /// Somebody said that they wait, or may have.
    func heardIdle() {
        somebodyWaits.store(true, ordering: .releasing)
    }

    /// To be called after each commit that a waiting reader would want to see.
    func committed() {
        guard somebodyWaits.exchange(false, ordering: .acquiringAndReleasing) else { return }
        request.update(ringing: .reader) { if $0 != .stop { $0 = .wake } }
    }

    /// The thread's body; returns after `stop()`.
    func serve() {
        let connection = BlockingConnection(
            connection, name: "\(topic)-wake", logger: logger, metrics: metrics, canceller: canceller)
        while true {
            let next = request.wait { request -> Request? in
                guard request != .none else { return nil }
                defer { if request == .wake { request = .none } }
                return request
            }
            if next == .stop { return }
            do {
                try connection.notify(topic)
            } catch {
                // The reader's own poll finds the rows; the next commit tries again.
                heardIdle()
                logger.warning("wake-up not sent", ["topic": .string(topic), "reason": .describing(error)])
            }
        }
    }

    func stop() {
        request.update(ringing: .reader) { $0 = .stop }
        canceller.cancel()
    }
}
