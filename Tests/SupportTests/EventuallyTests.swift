import Synchronization
import TestSupport
import Testing

@Suite struct EventuallyTests {
    @Test func `a condition is looked at until it holds`() async throws {
        let looks = Mutex(0)
        try await eventually("the third look") {
            looks.withLock {
                $0 += 1
                return $0 == 3
            }
        }
        #expect(looks.withLock { $0 } == 3)
    }

    @Test func `one that never holds is an error with its name`() async {
        await #expect(throws: NeverTrue.self) { try await eventually("never", within: .milliseconds(5)) { false } }
    }

    @Test func `a value is made once, whoever asks`() async throws {
        let makings = Mutex(0)
        let once = AsyncOnce<Int> {
            makings.withLock { $0 += 1 }
            await Task.yield()
            return 42
        }
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { try await once.value() } }
            return try await group.reduce(0, +)
        }
        #expect(sum == 50 * 42)
        #expect(makings.withLock { $0 } == 1)
    }
}
