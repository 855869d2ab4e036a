internal import Store
internal import Synchronization

/// The roles of all workspaces, kept up to date by the follower and read by the fan-out.
final class RoleTable: Sendable {
    private let book = Mutex(LoadedAnew(RoleBook()))

    func apply(_ page: RevisionStore.Changes) {
        book.withLock { book in
            book.apply(page) { book in
                for revision in page.roles { book.apply(revision) }
            }
        }
    }

    /// A snapshot that never changes.
    var snapshot: RoleBook { book.withLock { $0.value } }

    /// Everything up to `pos` is fanned out by every matcher: what ended before decides nothing more.
    func forget(before pos: Int64) { book.withLock { $0.update { $0.forget(before: pos) } } }
}
