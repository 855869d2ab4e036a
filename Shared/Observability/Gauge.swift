internal import Synchronization

/// A value that rises and falls.
public final class Gauge: Sendable {
    private let cell = AtomicDouble()

    init() {}

    public func set(_ value: Double) { cell.store(value) }

    /// Adds `amount`, which may be negative.
    public func add(_ amount: Double) { cell.add(amount) }

    public var value: Double { cell.load() }
}

/// A double that several threads add to. The processor has no such instruction, so an addition is a loop that all but
/// always ends in its first turn.
final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: current) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: current, desired: sum, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }
}
