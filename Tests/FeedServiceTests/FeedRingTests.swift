internal import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// The ring and the index of its readers, without a database.
@Suite struct FeedRingTests {
    private func entry(
        _ pos: Int64, _ tenant: String = "a", _ type: String = "run.completed", smith: String? = nil, size: Int = 10
    ) throws -> RingEntry {
        RingEntry(
            FeedTail.Item(
                pos: pos, recordedAt: Timestamp(seconds: pos), tenant: try #require(TenantID(tenant)), type: type,
                smith: smith, envelope: Array(repeating: 0x61, count: size)))
    }

    private func matcher(
        _ tenant: String = "a", _ families: [String]? = nil, smith: String? = nil, since: Int64? = nil
    ) throws -> EventMatcher {
        EventMatcher(
            FeedFilter(
                tenant: try #require(TenantID(tenant)), families: families?.compactMap { EventType($0) }, smith: smith,
                since: since.map { Timestamp(seconds: $0) }))
    }

    @Test func `a reader gets what is behind its position, of its tenant, in order`() throws {
        var ring = FeedRing(behind: 10, epoch: 1, capacity: 1 << 20)
        try ring.append((11...20).map { try entry($0, $0 % 2 == 0 ? "a" : "b") }, edge: 25)
        #expect(ring.stretch(try matcher(), after: 9, limit: 10, bytes: 1_000) == nil)
        let all = try #require(ring.stretch(try matcher(), after: 10, limit: 10, bytes: 1_000))
        #expect(all.entries.map(\.pos) == [12, 14, 16, 18, 20])
        #expect(all.edge == 25)
        #expect(!all.hasMore)
        let some = try #require(ring.stretch(try matcher(), after: 12, limit: 2, bytes: 1_000))
        #expect(some.entries.map(\.pos) == [14, 16])
        #expect(some.edge == 16)
        #expect(some.hasMore)
        let few = try #require(ring.stretch(try matcher(), after: 16, limit: 10, bytes: 15))
        #expect(few.entries.map(\.pos) == [18])
        #expect(few.hasMore)
        let none = try #require(ring.stretch(try matcher("c"), after: 10, limit: 10, bytes: 1_000))
        #expect(none.entries.isEmpty && none.edge == 25)
        // Ahead of the ring: it stays where it is.
        #expect(ring.stretch(try matcher(), after: 30, limit: 1, bytes: 1)?.edge == 30)
    }

    @Test func `the oldest go first when it is full, and readers below are told`() throws {
        var ring = FeedRing(behind: 0, epoch: 1, capacity: 10 * (256 + 10))
        for pos in 1...1_000 as ClosedRange<Int64> {
            ring.append([try entry(pos, pos % 3 == 0 ? "b" : "a")], edge: pos)
        }
        #expect(ring.count == 10)
        #expect(ring.floor == 990)
        #expect(ring.stretch(try matcher(), after: 989, limit: 99, bytes: 9_999) == nil)
        let rest = try #require(ring.stretch(try matcher("b"), after: 990, limit: 99, bytes: 9_999))
        #expect(rest.entries.map(\.pos) == [993, 996, 999])
        // One that is larger than the ring is kept alone.
        ring.append([try entry(1_001, size: 1 << 20)], edge: 1_001)
        #expect(ring.count == 1)
        #expect(ring.stretch(try matcher(), after: 1_000, limit: 1, bytes: 1)?.entries.count == 1)
    }

    @Test func `one look goes through a bounded number of entries`() throws {
        var ring = FeedRing(behind: 0, epoch: 1, capacity: 1 << 24)
        try ring.append((1...10_000).map { try entry($0) } + [try entry(10_001, "a", "rare")], edge: 10_001)
        var after: Int64 = 0
        var looks = 0
        var found: [Int64] = []
        while true {
            let stretch = try #require(ring.stretch(try matcher("a", ["rare"]), after: after, limit: 10, bytes: 100))
            found += stretch.entries.map(\.pos)
            after = stretch.edge
            looks += 1
            if !stretch.hasMore { break }
        }
        #expect(found == [10_001])
        #expect(looks == 3)
    }

    @Test func `the index finds whom an event concerns, each once`() throws {
        var index = SubscriberIndex()
        let readers: [(Int, EventMatcher)] = [
            (1, try matcher()), (2, try matcher("a", ["run"])), (3, try matcher("a", ["run.completed", "slack"])),
            (4, try matcher("a", nil, smith: "s")), (5, try matcher("a", ["run"], smith: "s")),
            (6, try matcher("b")), (7, try matcher("a", ["run", "run.completed"])), (8, try matcher("a", ["ru"])),
        ]
        for (id, matcher) in readers { index.insert(id, matcher) }
        func found(_ entry: RingEntry) -> [Int] {
            var ids: [Int] = []
            index.forEach(entry) { ids.append($0) }
            return ids.sorted()
        }
        let run = try entry(1)
        let smiths = try entry(1, "a", "run.completed", smith: "s")
        #expect(found(run) == [1, 2, 3, 7])
        #expect(found(smiths) == [1, 2, 3, 4, 5, 7])
        #expect(found(try entry(1, "a", "slack.install")) == [1, 3])
        #expect(found(try entry(1, "b", "slack.install", smith: "s")) == [6])
        // The same as asking each.
        for entry in [run, smiths] { #expect(found(entry) == readers.filter { $0.1.matches(entry) }.map(\.0)) }
        for (id, matcher) in readers { index.remove(id, matcher) }
        #expect(found(smiths).isEmpty)
    }

    @Test func `readers that get the same share one choice`() {
        var selection = BatchSelection()
        for reader in 0..<1_000 {
            selection.add(0, for: reader)
            if reader % 2 == 0 { selection.add(3, for: reader) }
        }
        selection.add(3, for: 5_000)
        #expect(Set((0..<1_000).map { selection.choice(of: $0) }).count == 2)
        #expect(selection.numbers(in: selection.choice(of: 0)) == [0, 3])
        #expect(selection.numbers(in: selection.choice(of: 1)) == [0])
        #expect(selection.numbers(in: selection.choice(of: 5_000)) == [3])
        #expect(selection.numbers(in: selection.choice(of: 7_000)) == [])
    }
}
