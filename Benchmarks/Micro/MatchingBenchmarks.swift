internal import EventModel
internal import Matching

/// Matching against 100 000 webhooks.
struct MatchingBenchmarks {
    private static let webhooks = 100_000
    private static let types = [
        "run.started", "run.completed", "run.failed", "approval.required", "tool.executing", "slack.install",
        "budget.threshold", "message.completed",
    ].compactMap(EventType.init(_:))

    func run(_ harness: inout Harness) {
        guard harness.isWanted("match") || harness.isWanted("index") else { return }
        spread(&harness)
        oneTenant(&harness)
    }

    private func revision(
        _ number: Int, _ tenant: TenantID, _ types: [EventType], version: Int64? = nil, from pos: Int64 = 1
    ) -> SubscriptionRevision {
        SubscriptionRevision(
            endpoint: EndpointID(Ulid(high: 0x019E_B42C_5A00_0000, low: UInt64(number))), tenant: tenant,
            filter: SubscriptionFilter(types.map(SubscriptionPattern.init(family:))), state: .active,
            version: version ?? Int64(number + 1), fromPos: pos)
    }

    private func build(_ harness: inout Harness, _ name: String, _ revision: (Int) -> SubscriptionRevision)
        -> MatchIndex
    {
        let memory = residentBytes()
        let start = processorNanoseconds()
        var index = MatchIndex()
        for number in 0..<Self.webhooks { index.apply(revision(number)) }
        let taken = processorNanoseconds() - start
        harness.report("index \(name): load", Double(taken))
        print("  \((residentBytes() - memory) >> 20) MiB more resident memory, \(index.endpointCount) endpoints")
        return index
    }

    private func spread(_ harness: inout Harness) {
        let tenants = (0..<1_000).compactMap { TenantID("ten_01J000000000000000000\($0 + 10_000)") }
        var index = build(&harness, "of 1 000 tenants, 100 webhooks each") { number in
            // Two types each: a type of the tenant's eight reaches about 25 of its webhooks.
            let types = [Self.types[number / 1_000 % 8], Self.types[(number / 1_000 + 3) % 8]]
            return revision(number, tenants[number % 1_000], types)
        }
        var found: [EndpointID] = []
        found.reserveCapacity(1_000)
        var turn = 0
        index.match(tenant: tenants[0], type: Self.types[1], pos: 10, into: &found)
        harness.measure("match in 1 000 tenants, \(found.count) endpoints found", limit: 5_000) {
            found.removeAll(keepingCapacity: true)
            index.match(tenant: tenants[turn % 1_000], type: Self.types[turn % 8], pos: 10, into: &found)
            turn += 1
        }
        guard let stranger = TenantID("ten_nobody"), let unheard = EventType("unheard.of.type") else { return }
        harness.measure("match a tenant without webhooks") {
            consume(index.match(tenant: stranger, type: Self.types[1], pos: 10))
        }
        harness.measure("match a type that nobody wants") {
            consume(index.match(tenant: tenants[turn % 1_000], type: unheard, pos: 10))
            turn += 1
        }
        change(&harness, &index, tenants[7], "of 1 000 tenants")
    }

    private func oneTenant(_ harness: inout Harness) {
        guard let tenant = TenantID("ten_01J00000000000000000000001") else { return }
        // 99 900 want one of 9 990 types of their own, 100 want a common one, 10 want everything.
        let own = (0..<9_990).compactMap { EventType("custom.kind\($0)") }
        var index = build(&harness, "of one tenant") { number in
            switch number {
            case ..<10: revision(number, tenant, [])
            case ..<110: revision(number, tenant, [Self.types[1]])
            default: revision(number, tenant, [own[number % own.count]])
            }
        }
        harness.measure(
            "match in one tenant, \(index.match(tenant: tenant, type: own[0], pos: 10).count) endpoints found"
        ) {
            consume(index.match(tenant: tenant, type: own[0], pos: 10))
        }
        harness.measure(
            "match in one tenant, \(index.match(tenant: tenant, type: Self.types[1], pos: 10).count) endpoints found"
        ) {
            consume(index.match(tenant: tenant, type: Self.types[1], pos: 10))
        }
        change(&harness, &index, tenant, "of one tenant")
        let all = build(&harness, "of one tenant, everyone wants everything") { revision($0, tenant, []) }
        var found: [EndpointID] = []
        found.reserveCapacity(Self.webhooks)
        harness.measure("match that finds all 100 000") {
            found.removeAll(keepingCapacity: true)
            all.match(tenant: tenant, type: Self.types[1], pos: 10, into: &found)
        }
        var changing = all
        change(&harness, &changing, tenant, "of one tenant, everyone wants everything")
    }

    /// What a change costs while a snapshot is held, and without.
    private func change(_ harness: inout Harness, _ index: inout MatchIndex, _ tenant: TenantID, _ name: String) {
        var version = Int64(Self.webhooks)
        harness.measure("index \(name): change under a snapshot", limit: 2_000_000) {
            let snapshot = index
            version += 1
            index.apply(revision(50_007, tenant, [Self.types[Int(version) % 8]], version: version, from: version))
            consume(snapshot)
            if version % 64 == 0 { index.forget(before: version) }
        }
        harness.measure("index \(name): change") {
            version += 1
            index.apply(revision(50_007, tenant, [Self.types[Int(version) % 8]], version: version, from: version))
            if version % 64 == 0 { index.forget(before: version) }
        }
    }
}
