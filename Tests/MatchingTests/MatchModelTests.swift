import EventModel
import Matching
import TestSupport
import Testing

/// The index against the simplest thing that could be right: a list of all revisions, searched from end to end.
@Suite struct MatchModelTests {
    private struct Model {
        var revisions: [SubscriptionRevision] = []
        var spans: [EndpointID: [PosSpan]] = [:]

        func match(tenant: TenantID, type: EventType, pos: Int64) -> Set<EndpointID> {
            var latest: [EndpointID: SubscriptionRevision] = [:]
            for revision in revisions where revision.fromPos <= pos { latest[revision.endpoint] = revision }
            return Set(
                latest.values.filter { revision in
                    revision.tenant == tenant && revision.state == .active && revision.filter.matches(type)
                        && !(spans[revision.endpoint] ?? []).contains { $0.contains(pos) }
                }.map(\.endpoint))
        }
    }

    private static let patterns = ["*", "a", "a.b", "a.b.c", "a-b", "ab", "b", "b.c.*", "c", "c.d.e"].compactMap(
        SubscriptionPattern.init(_:))
    private static let types = ["a", "a.b", "a.b.c", "a.b.c.d", "a-b", "a-b.c", "ab", "b", "b.c", "c.d", "c.d.e", "z"]
        .compactMap(EventType.init(_:))
    private static let tenants = (0..<3).compactMap { TenantID("ten_\($0)") }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `index and model agree at every position`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed, label: "matching against a model")
        var index = MatchIndex()
        var model = Model()
        var pos: Int64 = 1
        var forgotten: Int64 = 0
        // One tenant has most of the endpoints, so that its lists have several chunks.
        let owners = (0..<900).map { $0 < 800 ? Self.tenants[0] : Self.tenants[1 + $0 % 2] }
        var snapshots: [(MatchIndex, Model, Int64)] = []
        for version in 1...4_000 as ClosedRange<Int64> {
            let number = Int.random(in: owners.indices, using: &random)
            let endpoint = EndpointID(Ulid(high: 0, low: UInt64(number)))
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                let spans = [PosSpan(from: pos, to: Bool.random(using: &random) ? nil : pos + 20)]
                index.setSpans(spans, of: endpoint)
                model.spans[endpoint] = spans
            case 1:
                index.setSpans([], of: endpoint)
                model.spans[endpoint] = nil
            case 2 where version % 10 == 0:
                forgotten = max(forgotten, pos - 50)
                index.forget(before: forgotten)
            default:
                let patterns = (0..<Int.random(in: 0...3, using: &random)).compactMap { _ in
                    Self.patterns.randomElement(using: &random)
                }
                let states: [SubscriptionRevision.State] = [.active, .active, .active, .inactive, .deleted]
                let revision = SubscriptionRevision(
                    endpoint: endpoint, tenant: owners[number], filter: SubscriptionFilter(patterns),
                    state: states.randomElement(using: &random) ?? .active, version: version, fromPos: pos)
                let isNew = index.apply(revision)
                #expect(isNew)
                model.revisions.append(revision)
            }
            if Bool.random(using: &random) { pos += 1 }
            if version % 1_000 == 0 { snapshots.append((index, model, pos)) }
            if version % 100 == 0 { compare(index, model, from: max(forgotten, pos - 60), to: pos, &random) }
        }
        for (index, model, pos) in snapshots { compare(index, model, from: pos - 5, to: pos, &random) }
    }

    private func compare(
        _ index: MatchIndex, _ model: Model, from: Int64, to: Int64, _ random: inout SeededGenerator
    ) {
        for _ in 0..<3 {
            let pos = Int64.random(in: max(0, from)...to, using: &random)
            for tenant in Self.tenants {
                guard let type = Self.types.randomElement(using: &random) else { continue }
                let found = index.match(tenant: tenant, type: type, pos: pos)
                #expect(Set(found).count == found.count, "an endpoint is found once")
                #expect(Set(found) == model.match(tenant: tenant, type: type, pos: pos), "\(tenant) \(type) at \(pos)")
            }
        }
    }

    @Test func `the order does not depend on how the index came about`() throws {
        var random = SeededGenerator(seed: 4, label: "order")
        let tenant = Self.tenants[0]
        let revisions = (0..<600).map { number in
            SubscriptionRevision(
                endpoint: EndpointID(Ulid(high: 0, low: UInt64(number))), tenant: tenant,
                filter: SubscriptionFilter([Self.patterns[number % 3]]), state: .active, version: Int64(number + 1),
                fromPos: 1)
        }
        var one = MatchIndex()
        for revision in revisions { one.apply(revision) }
        var two = MatchIndex()
        for revision in revisions.shuffled(using: &random) { two.apply(revision) }
        let type = Self.types[2]
        #expect(one.match(tenant: tenant, type: type, pos: 1) == two.match(tenant: tenant, type: type, pos: 1))
        #expect(one.match(tenant: tenant, type: type, pos: 1).count == 600)
    }
}
