import EventModel
import JSONPath
import Matching
import Testing

@Suite struct MatchIndexTests {
    private let a = EndpointID(Ulid(high: 0, low: 1))
    private let b = EndpointID(Ulid(high: 0, low: 2))
    private let tenant: TenantID
    private let other: TenantID

    init() throws {
        tenant = try #require(TenantID("ten_a"))
        other = try #require(TenantID("ten_b"))
    }

    private func revision(
        _ endpoint: EndpointID, _ patterns: [String] = [], _ state: SubscriptionRevision.State = .active,
        version: Int64,
        from pos: Int64, tenant: TenantID? = nil
    ) throws -> SubscriptionRevision {
        SubscriptionRevision(
            endpoint: endpoint, tenant: tenant ?? self.tenant,
            filter: SubscriptionFilter(try patterns.map { try #require(SubscriptionPattern($0)) }), state: state,
            version: version, fromPos: pos)
    }

    private func match(
        _ index: MatchIndex, _ type: String, _ pos: Int64, tenant: TenantID? = nil, only: EndpointID? = nil,
        except: EndpointID? = nil
    ) throws -> [EndpointID] {
        index.match(
            tenant: tenant ?? self.tenant, type: try #require(EventType(type)), pos: pos, only: only, except: except)
    }

    @Test func `an empty index matches nothing`() throws {
        #expect(try match(MatchIndex(), "run", 1).isEmpty)
    }

    @Test func `types match exactly, by family, or everything`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["run.completed", "slack.*"], version: 1, from: 1))
        index.apply(try revision(b, [], version: 2, from: 1))
        #expect(try match(index, "run.completed", 5) == [b, a])
        #expect(try match(index, "run.completed.late", 5) == [b, a])
        #expect(try match(index, "run.failed", 5) == [b])
        #expect(try match(index, "slack", 5) == [b, a])
        #expect(try match(index, "slack.install.x", 5) == [b, a])
        #expect(try match(index, "slackbot", 5) == [b])
        #expect(try match(index, "run.completed", 5, tenant: other).isEmpty)
        #expect(index.version == 2)
        #expect(index.endpointCount == 2)
    }

    @Test func `a pattern that another one covers does not match twice`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["run", "run.completed", "run.*"], version: 1, from: 1))
        #expect(try match(index, "run.completed", 1) == [a])
    }

    @Test func `a webhook is in force from its position on`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["run"], version: 1, from: 10))
        #expect(try match(index, "run", 9).isEmpty)
        #expect(try match(index, "run", 10) == [a])
    }

    @Test func `what was in force at a position stays matched there after a change`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["run"], version: 1, from: 10))
        index.apply(try revision(a, ["slack"], version: 2, from: 20))
        index.apply(try revision(a, ["slack"], .inactive, version: 3, from: 30))
        index.apply(try revision(a, [], version: 4, from: 40))
        index.apply(try revision(a, [], .deleted, version: 5, from: 50))
        #expect(try match(index, "run", 19) == [a])
        #expect(try match(index, "run", 20).isEmpty)
        #expect(try match(index, "slack", 20) == [a])
        #expect(try match(index, "slack", 30).isEmpty)
        #expect(try match(index, "slack", 45) == [a])
        #expect(try match(index, "slack", 50).isEmpty)
        #expect(index.revision(of: a, at: 35)?.version == 3)
        #expect(index.revision(of: a, at: 9) == nil)
    }

    @Test func `two changes without an event between them leave the second`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["run"], version: 1, from: 10))
        index.apply(try revision(a, ["slack"], version: 2, from: 10))
        #expect(try match(index, "run", 10).isEmpty)
        #expect(try match(index, "slack", 10) == [a])
        #expect(index.revision(of: a, at: 10)?.version == 2)
    }

    @Test func `a revision read twice changes nothing`() throws {
        var index = MatchIndex()
        let first = try revision(a, ["run"], version: 1, from: 10)
        let second = try revision(a, ["slack"], version: 2, from: 20)
        let changes = [first, second, first, second].map { index.apply($0) }
        #expect(changes == [true, true, false, false])
        #expect(try match(index, "run", 25).isEmpty)
        #expect(try match(index, "slack", 25) == [a])
    }

    @Test func `a snapshot never changes`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["run"], version: 1, from: 1))
        let snapshot = index
        index.apply(try revision(b, ["run"], version: 2, from: 1))
        index.apply(try revision(a, [], .deleted, version: 3, from: 2))
        index.setSpans([PosSpan(from: 1, to: nil)], of: a)
        index.forget(before: 100)
        #expect(try match(snapshot, "run", 5) == [a])
        #expect(try match(index, "run", 5) == [b])
    }

    @Test func `an event for one endpoint goes there whatever its state and patterns`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["slack"], .inactive, version: 1, from: 1))
        index.apply(try revision(b, [], version: 2, from: 1))
        index.setSpans([PosSpan(from: 1, to: nil)], of: a)
        #expect(try match(index, "webhook.test", 5, only: a) == [a])
        #expect(try match(index, "webhook.test", 5, tenant: other, only: a).isEmpty)
        #expect(try match(index, "webhook.test", 0, only: a).isEmpty)
        index.apply(try revision(a, [], .deleted, version: 3, from: 6))
        #expect(try match(index, "webhook.test", 5, only: a) == [a])
        #expect(try match(index, "webhook.test", 6, only: a).isEmpty)
    }

    @Test func `an event about an endpoint does not go to it`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, [], version: 1, from: 1))
        index.apply(try revision(b, [], version: 2, from: 1))
        #expect(try match(index, "x", 5, except: a) == [b])
        #expect(try match(index, "x", 5, only: a, except: a).isEmpty)
    }

    @Test func `positions in a span are the cursor's`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, [], version: 1, from: 1))
        index.apply(try revision(b, [], version: 2, from: 1))
        index.setSpans([PosSpan(from: 5, to: 8), PosSpan(from: 10, to: nil)], of: a)
        #expect(
            try (4...11).map { try match(index, "x", $0).contains(a) } == [
                true, false, false, false, true, true, false, false,
            ])
        #expect(try match(index, "x", 5) == [b])
        #expect(index.isInSpan(a, pos: 7))
        #expect(!index.isInSpan(b, pos: 7))
        index.setSpans([], of: a)
        #expect(try match(index, "x", 5) == [a, b])
    }

    @Test func `a condition is the revision's that was in force`() throws {
        var index = MatchIndex()
        var conditional = try revision(a, [], version: 1, from: 1)
        conditional.condition = try JSONFilter("$.data")
        index.apply(conditional)
        index.apply(try revision(b, [], version: 2, from: 1))
        index.apply(try revision(a, [], version: 3, from: 10))
        #expect(index.condition(of: a, at: 9)?.text == "$.data")
        #expect(index.condition(of: a, at: 10) == nil)
        #expect(index.condition(of: b, at: 9) == nil)
        #expect(try match(index, "x", 9) == [a, b])
    }

    @Test func `found endpoints are appended to what is there`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, [], version: 1, from: 1))
        var found = [a]
        index.match(tenant: tenant, type: try #require(EventType("x")), pos: 1, except: a, into: &found)
        #expect(found == [a])
    }

    @Test func `what no repeated fan-out needs is forgotten`() throws {
        var index = MatchIndex()
        index.apply(try revision(a, ["run"], version: 1, from: 10))
        index.apply(try revision(a, ["slack"], version: 2, from: 20))
        index.apply(try revision(b, [], version: 3, from: 10))
        index.apply(try revision(b, [], .deleted, version: 4, from: 30))
        index.forget(before: 19)
        #expect(try match(index, "run", 15) == [b, a])
        index.forget(before: 20)
        #expect(try match(index, "run", 15) == [b])
        #expect(try match(index, "slack", 20) == [b, a])
        #expect(index.endpointCount == 2)
        index.forget(before: 30)
        #expect(index.endpointCount == 1)
        #expect(try match(index, "slack", 40) == [a])
        #expect(index.revision(of: b, at: 40) == nil)
    }

    @Test func `changes do not add up where what is over is forgotten`() throws {
        var index = MatchIndex()
        for version in 1...2_000 as ClosedRange<Int64> {
            // As many active as paused, some at the same position, and every tenth ends one and makes it anew.
            let state: SubscriptionRevision.State =
                version % 10 == 0 ? .deleted : version % 2 == 0 ? .inactive : .active
            index.apply(
                try revision(version % 3 == 0 ? a : b, ["run"], state, version: version, from: version / 2 + 1))
            index.forget(before: version / 2 - 5)
            #expect(index.revisionCount <= 20, "\(version)")
        }
        index.apply(try revision(a, [], .deleted, version: 3_000, from: 3_000))
        index.apply(try revision(b, [], .deleted, version: 3_001, from: 3_000))
        index.forget(before: 3_000)
        #expect(index.revisionCount == 0 && index.endpointCount == 0)
    }
}
