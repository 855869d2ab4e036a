internal import Observability
internal import Store
internal import Synchronization

/// The triggers of all tenants, kept up to date by the follower and read by the fan-out.
final class TriggerTable: Sendable {
    private let book = Mutex(LoadedAnew(TriggerBook()))
    private let log: LimitedLogger

    init(log: LimitedLogger) { self.log = log }

    func apply(_ page: RevisionStore.Changes) {
        let unreadable = book.withLock { book in
            var unreadable: [TriggerRevision] = []
            book.apply(page) { book in unreadable = page.triggers.filter { !book.apply($0) } }
            return unreadable
        }
        for revision in unreadable { log.error("trigger-unreadable", ["trigger": .describing(revision.trigger)]) }
    }

    /// A snapshot that never changes.
    var snapshot: TriggerBook { book.withLock { $0.value } }

    /// Everything up to `pos` is fanned out by every matcher: what ended before decides nothing more.
    func forget(before pos: Int64) { book.withLock { $0.update { $0.forget(before: pos) } } }
}
