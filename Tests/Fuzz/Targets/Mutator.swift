/// Makes inputs out of others: bytes and pieces of the grammar come, go, repeat and move; two inputs cross.
public struct Mutator {
    private let words: [[UInt8]]
    private var pool: [[UInt8]]
    private var random: Generator

    /// The longest input.
    private static let longest = 4_096
    private static let poolSize = 256

    public init(_ target: FuzzTarget, seed: UInt64) {
        words = target.words
        pool = target.seeds
        random = Generator(state: seed)
    }

    public mutating func next() -> [UInt8] {
        var input = pool.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &random) { change(&input) }
        if input.count > Self.longest { input.removeSubrange(Self.longest...) }
        // Some go on, so that changes add up.
        if Int.random(in: 0..<50, using: &random) == 0 {
            if pool.count < Self.poolSize {
                pool.append(input)
            } else {
                pool[Int.random(in: 0..<pool.count, using: &random)] = input
            }
        }
        return input
    }

    private mutating func change(_ input: inout [UInt8]) {
        let place = Int.random(in: 0...input.count, using: &random)
        let end = min(input.count, place + Int.random(in: 0...16, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: input.removeSubrange(place..<end)
        case 1: input.insert(contentsOf: words.randomElement(using: &random) ?? [], at: place)
        case 2: input.insert(UInt8.random(in: .min ... .max, using: &random), at: place)
        case 3: if place < input.count { input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 4: input.insert(contentsOf: input[place..<end], at: place)
        case 5:
            // A piece many times: depth and length.
            let piece = words.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...120, using: &random) { input.insert(contentsOf: piece, at: place) }
        case 6:
            let other = pool.randomElement(using: &random) ?? []
            let cut = Int.random(in: 0...other.count, using: &random)
            input.replaceSubrange(place..., with: other[cut...])
        default: if place < input.count { input[place] = words.randomElement(using: &random)?.first ?? 0 }
        }
    }

    /// SplitMix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }
}
