import EventCodec
import EventModel
import Synchronization
import Testing

@Suite struct EventIDMakerTests {
    private let now = Timestamp(milliseconds: 1_781_164_812_345)

    @Test func `an id carries the time and fresh random bits`() {
        let calls = Mutex(0)
        var maker = EventIDMaker { bytes in
            let call = calls.withLock {
                $0 += 1
                return $0
            }
            for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index / 10 &* call) }
        }
        var seen: Set<Ulid> = []
        for _ in 0..<100 {
            let ulid = maker.ulid(at: now)
            #expect(ulid.milliseconds == 1_781_164_812_345)
            seen.insert(ulid)
        }
        #expect(seen.count == 100)
        #expect(calls.withLock { $0 } == 1)
        _ = maker.ulid(at: now)
        #expect(calls.withLock { $0 } == 2)
    }

    @Test func `all ten random bytes are used, in order`() {
        var maker = EventIDMaker { bytes in for index in bytes.indices { bytes[index] = UInt8(index % 10 + 1) } }
        let id: EventID = maker.next(at: now)
        #expect(id.ulid.high & 0xFFFF == 0x0102)
        #expect(id.ulid.low == 0x0304_0506_0708_090A)
    }

    @Test func `an event with a key has one id all day`() throws {
        let key = DedupeKey(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)
        let id = EventIDMaker.keyed(key, at: now)
        #expect(id.ulid.milliseconds == 1_781_136_000_000)
        #expect(id.ulid.high & 0xFFFF == 0x0102)
        #expect(id.ulid.low == 0x0304_0506_0708_090A)
        #expect(EventIDMaker.keyed(key, at: Timestamp(milliseconds: 1_781_136_000_000)) == id)
        #expect(EventIDMaker.keyed(key, at: Timestamp(milliseconds: 1_781_222_399_999)) == id)
        #expect(EventIDMaker.keyed(key, at: Timestamp(milliseconds: 1_781_222_400_000)) != id)
    }

    @Test func `a key's hash keeps its bytes`() {
        let key = DedupeKey(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)
        #expect(key.bytes == Array(1...16))
        #expect(DedupeKey(key.bytes) == key)
        #expect(DedupeKey([1, 2]) == nil)
    }
}
