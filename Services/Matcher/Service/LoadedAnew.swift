internal import Store

/// A value that changes page by page, and that readers keep as it was while everything is read anew.
struct LoadedAnew<Value: Sendable>: Sendable {
    private(set) var value: Value
    private let empty: Value
    /// What is read so far.
    private var next: Value?

    init(_ empty: Value) {
        value = empty
        self.empty = empty
    }

    mutating func apply(_ page: RevisionStore.Changes, _ change: (inout Value) -> Void) {
        // A reading that broke off begins again.
        if page.isFirstOfAll { next = empty }
        guard next != nil else { return change(&value) }
        // Not by way of a copy: it would be made whole again at each change.
        var unfinished = next.take() ?? empty
        change(&unfinished)
        if page.isLast { value = unfinished } else { next = unfinished }
    }

    mutating func update(_ change: (inout Value) -> Void) { change(&value) }
}
