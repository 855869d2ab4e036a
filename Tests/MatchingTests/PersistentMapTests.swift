import TestSupport
import Testing

@testable import Matching

@Suite struct PersistentMapTests {
    /// Hashes with few bits, so that keys share slots, levels and whole hashes.
    private func hash(_ key: Int, _ mask: UInt) -> UInt { UInt(bitPattern: key &* 0x9E37_79B9) & mask }

    @Test(arguments: [UInt.max, 0xFF, 0xF000_0000_0000_000F, 1, 0])
    func `a map behaves like a dictionary, however bad the hashes`(mask: UInt) {
        var random = SeededGenerator(seed: UInt64(truncatingIfNeeded: mask), label: "map")
        var map = PersistentMap<Int, Int>()
        var model: [Int: Int] = [:]
        var snapshots: [(PersistentMap<Int, Int>, [Int: Int])] = []
        for step in 0..<3_000 {
            let key = Int.random(in: 0..<200, using: &random)
            if Int.random(in: 0..<3, using: &random) == 0 {
                map.remove(hash: hash(key, mask), key: key)
                model[key] = nil
            } else {
                map.update(hash: hash(key, mask), key: key, default: 0) { $0 += step }
                model[key, default: 0] += step
            }
            if step % 500 == 0 { snapshots.append((map, model)) }
        }
        snapshots.append((map, model))
        for (map, model) in snapshots {
            #expect(map.count == model.count)
            for key in 0..<200 {
                #expect(map.value(hash: hash(key, mask), where: { $0 == key }) == model[key])
            }
            var all: [Int: Int] = [:]
            map.forEach { all[$0] = $1 }
            #expect(all == model)
        }
        for key in 0..<200 { map.remove(hash: hash(key, mask), key: key) }
        #expect(map.isEmpty)
    }
}
