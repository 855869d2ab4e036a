import EventModel
import Testing

@Suite struct UlidTests {
    @Test(arguments: [
        Ulid(high: 0, low: 0), Ulid(high: .max, low: .max),
        Ulid(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
        Ulid(milliseconds: 1_780_000_000_000, randomHigh: 0x8001, randomLow: 0x8000_0000_0000_0001),
    ])
    func `text and value agree`(_ ulid: Ulid) {
        #expect(ulid.description.utf8.count == Ulid.textLength)
        #expect(Ulid(ulid.description.utf8) == ulid)
    }

    @Test func `the layout is the one of the ULID specification`() {
        // The specification's example: 01ARZ3NDEKTSV4RRFFQ69G5FAV carries 2016-07-30T23:54:10.259Z.
        let ulid = Ulid("01ARZ3NDEKTSV4RRFFQ69G5FAV".utf8)
        #expect(ulid?.milliseconds == 1_469_922_850_259)
        #expect(ulid?.description == "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    }

    @Test(arguments: [
        "", "0", "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAVV", "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAI", "01ARZ3NDEKTSV4RRFFQ69G5FAL", "01ARZ3NDEKTSV4RRFFQ69G5FAO",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU", "01arz3ndektsv4rrffq69g5fav", "01ARZ3NDEKTSV4RRFFQ69G5FA-",
    ])
    func `other text is refused`(_ text: String) {
        #expect(Ulid(text.utf8) == nil)
    }

    @Test func `order of text is order of value`() {
        let ulids = (0..<200).map { Ulid(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0 &* 0xC2B2_AE3D_27D4_EB4F) }
        #expect(ulids.sorted().map(\.description) == ulids.map(\.description).sorted())
    }

    @Test func `kinds have their prefixes and do not mix`() {
        let ulid = Ulid(high: 7, low: 9)
        #expect(EventID(ulid).description == "evt_\(ulid)")
        #expect(EventID("evt_\(ulid)") == EventID(ulid))
        #expect(EventID("wh_\(ulid)") == nil)
        #expect(TenantID("acme") != nil)
        #expect(TenantID("a b") == nil)
        #expect(TenantID("") == nil)
        #expect(TenantID(String(repeating: "a", count: 65)) == nil)
    }
}
