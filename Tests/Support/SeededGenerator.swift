internal import Glibc

/// Random numbers that can be had again: a failing run repeats with the seed that it printed.
///
/// The process has one seed (`FANFARE_TEST_SEED`, else a random one), printed once when it is first used; each test
/// derives its own sequence from that and its label, so that tests in parallel do not disturb one another's.
///
/// ```swift
/// var random = SeededGenerator("offset window against a model")
/// let step = Int.random(in: 0..<10, using: &random)
/// ```
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    /// The process's seed.
    public static let seed: UInt64 = {
        let asked = getenv("FANFARE_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = asked ?? UInt64.random(in: 1...9_999_999)
        print("Random tests use FANFARE_TEST_SEED=\(seed)")
        return seed
    }()

    private var state: UInt64

    /// The sequence of the process's seed and `label`.
    public init(_ label: String = #function) { self.init(seed: SeededGenerator.seed, label: label) }

    /// The sequence of `seed` and `label`, whatever the environment says.
    public init(seed: UInt64, label: String = "") {
        // FNV-1a, since Swift's own hash changes from run to run.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in label.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        state = seed ^ hash
    }

    /// SplitMix64.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// `count` random bytes.
    public mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }
}
