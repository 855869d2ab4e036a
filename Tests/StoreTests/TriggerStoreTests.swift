import Database
import EventModel
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct TriggerStoreTests {
    private let pool = TestDatabase.current.pool()

    private func event(_ number: UInt64) -> EventID { EventID(Ulid(high: 1, low: number)) }

    private func occasion(_ trigger: UInt64, _ number: UInt64, at seconds: Int64) -> TriggerStore.Occasion {
        TriggerStore.Occasion(
            trigger: TriggerID(Ulid(high: 2, low: trigger)), event: event(number), at: Timestamp(seconds: seconds),
            pause: 60)
    }

    @Test func `a trigger rests after an action, and a repeat comes to the same`() async throws {
        let store = TriggerStore(pool)
        let occasions = [
            occasion(1, 1, at: 1_000), occasion(1, 2, at: 1_030), occasion(1, 3, at: 1_059), occasion(1, 4, at: 1_060),
            occasion(1, 5, at: 1_100), occasion(2, 5, at: 1_100),
        ]
        let expected = [true, false, false, true, false, true]
        #expect(try await store.pause(occasions) == expected)
        #expect(try await store.pause(occasions) == expected)
        #expect(try await store.pause([occasions[2]]) == [false])
        #expect(try await store.pause([occasion(1, 6, at: 1_200), occasion(1, 1, at: 1_000)]) == [true, true])
    }
}
