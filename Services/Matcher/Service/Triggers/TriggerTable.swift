internal import Observability
internal import Store
internal import Synchronization

/// The triggers of all tenants, kept up to date by the follower and read by the fan-out.
final class TriggerTable: Sendable {
    private let book = Mutex(TriggerBook())
    private let log: LimitedLogger

    init(log: LimitedLogger) { self.log = log }

    func apply(_ changes: [TriggerRevision]) {
        let unreadable = book.withLock { book in changes.filter { !book.apply($0) } }
        for revision in unreadable { log.error("trigger-unreadable", ["trigger": .describing(revision.trigger)]) }
    }

    /// A snapshot that never changes.
    var snapshot: TriggerBook { book.withLock { $0 } }
}
