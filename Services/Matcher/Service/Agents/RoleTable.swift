internal import Store
internal import Synchronization

/// The roles of all workspaces, kept up to date by the follower and read by the fan-out.
final class RoleTable: Sendable {
    private let book = Mutex(RoleBook())

    func apply(_ changes: [RoleRevision]) {
        book.withLock { book in
            for revision in changes { book.apply(revision) }
        }
    }

    /// A snapshot that never changes.
    var snapshot: RoleBook { book.withLock { $0 } }
}
