/// How often a value fell below each of a few bounds, and the sum of all values.
public final class Histogram: Sendable {
    /// Seconds from 0.25 ms to 10 s: answers and deliveries.
    public static let latencyBuckets: [Double] = [
        0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Items in a batch.
    public static let batchBuckets: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

    /// Upper bounds, inclusive, rising, without the infinite one.
    let bounds: [Double]
    /// One more than `bounds`; each counts its own range, and rendering adds them up.
    private let counts: [Counter]
    private let total = AtomicDouble()

    init(bounds: [Double]) {
        precondition(!bounds.isEmpty && bounds.allSatisfy(\.isFinite), "a histogram needs finite bounds")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "a histogram's bounds rise")
        self.bounds = bounds
        counts = (0...bounds.count).map { _ in Counter() }
    }

    /// Counts `value`.
    public func observe(_ value: Double) { observe(value, count: 1) }

    /// Counts `value` as often as `count` says: for a batch whose items share it.
    public func observe(_ value: Double, count: Int) {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if value <= bounds[middle] { high = middle } else { low = middle + 1 }
        }
        counts[low].increment(by: count)
        total.add(value * Double(count))
    }

    /// The sum of the values.
    public var sum: Double { total.load() }

    /// The number of values.
    public var count: Int { counts.reduce(0) { $0 + $1.value } }

    /// For each bound, and infinity at the end, the number of values at or below it.
    func cumulativeCounts() -> [Int] {
        var sum = 0
        return counts.map {
            sum += $0.value
            return sum
        }
    }
}
