internal import Synchronization

/// A total that only grows. Hold on to it: the look-up in the registry is not for hot paths.
public final class Counter: Sendable {
    private let total = Atomic<Int>(0)

    init() {}

    /// Adds `amount`, which is not negative.
    public func increment(by amount: Int = 1) {
        precondition(amount >= 0, "a counter never falls")
        total.wrappingAdd(amount, ordering: .relaxed)
    }

    public var value: Int { total.load(ordering: .relaxed) }
}
