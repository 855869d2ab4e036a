import EventCodec
import EventModel
import JSONPath
import Matching
import TestSupport
import Testing

/// The reason told afterwards against what the index decided.
@Suite struct MatchReasonTests {
    private let endpoint = EndpointID(Ulid(high: 0, low: 1))
    private let other = EndpointID(Ulid(high: 0, low: 2))
    private let tenant: TenantID
    private let envelope = Array(#"{"data":{"amount":5}}"#.utf8)

    init() throws {
        tenant = try #require(TenantID("ten_a"))
    }

    private func revision(
        _ patterns: [String] = [], _ state: SubscriptionRevision.State = .active, condition: String? = nil,
        version: Int64 = 1, from pos: Int64 = 1
    ) throws -> SubscriptionRevision {
        SubscriptionRevision(
            endpoint: endpoint, tenant: tenant,
            filter: SubscriptionFilter(try patterns.map { try #require(SubscriptionPattern($0)) }),
            condition: try condition.map { try JSONFilter($0, limits: SubscriptionRevision.filterLimits) },
            state: state, version: version, fromPos: pos)
    }

    private func reason(
        _ revision: SubscriptionRevision?, type: String = "run.completed", only: EndpointID? = nil,
        except: EndpointID? = nil
    ) throws -> MatchReason {
        SubscriptionRevision.reason(
            revision, of: endpoint,
            for: MatchSubject(type: try #require(EventType(type)), only: only, except: except)
        ) { try? JSONOutline(envelope) }
    }

    @Test func `each reason has its case, the most lasting one first`() throws {
        #expect(try reason(nil) == .createdLater)
        #expect(try reason(revision()) == .matched)
        #expect(try reason(revision(["slack"])) == .type)
        #expect(try reason(revision(["slack"], .inactive)) == .type)
        #expect(try reason(revision(["run"], .inactive)) == .inactive)
        #expect(try reason(revision(["run"], .deleted)) == .deleted)
        #expect(try reason(revision(condition: "$.data.amount > 4")) == .matched)
        #expect(try reason(revision(condition: "$.data.amount > 5")) == .filter)
        #expect(try reason(revision([], .inactive, condition: "$.data.amount > 5")) == .filter)
        #expect(try reason(revision(), except: endpoint) == .excluded)
        #expect(try reason(revision(), except: other) == .matched)
        #expect(try reason(revision(), only: other) == .addressedElsewhere)
        #expect(try reason(revision(["slack"], .inactive), only: endpoint) == .matched)
        #expect(try reason(revision([], .deleted), only: endpoint) == .deleted)
        #expect(try reason(nil, only: endpoint) == .createdLater)
    }

    @Test func `what cannot be judged is delivered`() throws {
        let revision = try revision(condition: "$.data.amount > 5")
        let type = try #require(EventType("run"))
        let reason = SubscriptionRevision.reason(revision, of: endpoint, for: MatchSubject(type: type)) { nil }
        #expect(reason == .matched)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `the reason is 'matched' where the index finds the endpoint, and nowhere else`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed, label: "reasons against the index")
        let patterns = ["*", "a", "a.b", "b", "b.c"]
        let types = try ["a", "a.b", "a.b.c", "b", "b.c", "c"].map { try #require(EventType($0)) }
        var index = MatchIndex()
        var history: [SubscriptionRevision] = []
        var pos: Int64 = 1
        for version in 1...200 as ClosedRange<Int64> {
            let states: [SubscriptionRevision.State] = [.active, .active, .inactive, .deleted]
            let next = try revision(
                (0..<Int.random(in: 0...2, using: &random)).compactMap { _ in patterns.randomElement(using: &random) },
                states.randomElement(using: &random) ?? .active, version: version, from: pos)
            index.apply(next)
            history.append(next)
            if Bool.random(using: &random) { pos += 1 }
        }
        for _ in 0..<2_000 {
            let at = Int64.random(in: 0...pos, using: &random)
            guard let type = types.randomElement(using: &random) else { continue }
            let only =
                Int.random(in: 0..<6, using: &random) == 0 ? [endpoint, other].randomElement(using: &random) : nil
            let except = Int.random(in: 0..<6, using: &random) == 0 ? endpoint : nil
            let found = index.match(tenant: tenant, type: type, pos: at, only: only, except: except)
            let reason = SubscriptionRevision.reason(
                history.last { $0.fromPos <= at }, of: endpoint,
                for: MatchSubject(type: type, only: only, except: except)
            ) { nil }
            #expect((reason == .matched) == found.contains(endpoint), "\(type) at \(at): \(reason)")
        }
    }
}
