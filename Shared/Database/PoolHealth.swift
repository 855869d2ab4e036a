internal import Synchronization

/// How many of a pool's connections stand.
final class PoolHealth: Sendable {
    private let count = Atomic<Int>(0)

    var connected: Int { count.load(ordering: .relaxed) }

    func changed(by difference: Int) {
        count.wrappingAdd(difference, ordering: .relaxed)
    }
}
