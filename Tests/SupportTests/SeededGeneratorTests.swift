import TestSupport
import Testing

@Suite struct SeededGeneratorTests {
    @Test func `the same seed and label give the same numbers`() {
        var first = SeededGenerator(seed: 7, label: "a")
        var second = SeededGenerator(seed: 7, label: "a")
        #expect((0..<100).map { _ in first.next() } == (0..<100).map { _ in second.next() })
    }

    @Test func `labels and seeds give sequences of their own`() {
        let firsts = [(7, "a"), (7, "b"), (8, "a"), (8, "")].map { seed, label in
            var generator = SeededGenerator(seed: UInt64(seed), label: label)
            return generator.next()
        }
        #expect(Set(firsts).count == 4)
    }
}
