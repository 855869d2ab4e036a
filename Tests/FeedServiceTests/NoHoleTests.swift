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

/// A poller that follows the cursor misses nothing, whatever writers do at the same time.
@Suite(.timeLimit(.minutes(5))) struct NoHoleTests {
    private static let writers = 16
    private static let rounds = 25

    /// Follows the cursor until `expected` ids were seen or nothing new has come for a while after the writers ended.
    private func follow(_ fixture: FeedFixture, until isOver: Flag) async throws -> [String] {
        var seen: [String] = []
        var cursor = ""
        while true {
            let wasOver = isOver.isSet
            let page = try await fixture.call(
                "GET", "/v1/events?limit=1000&cursor=\(cursor)", as: fixture.acme.reader)
            #expect(page.status == 200)
            seen += page.json.ids
            cursor = try #require(page.json["next_cursor"]?.text)
            // What was written before the last look began must have been in it, or in one before.
            if wasOver, page.json["has_more"]?.bool == false { return seen }
        }
    }

    @Test func `with 16 writers at once a poller sees every event, once, in one order`() async throws {
        try await withFeed { fixture in
            let isOver = Flag()
            let (written, seen) = try await withThrowingTaskGroup(of: [String].self) { group in
                group.addTask { try await follow(fixture, until: isOver) }
                let written = try await withThrowingTaskGroup(of: [String].self) { writers in
                    for writer in 0..<Self.writers {
                        writers.addTask {
                            let pool = fixture.database.pool(connections: 1)
                            let log = FixtureLog(pool)
                            var ids: [String] = []
                            for round in 0..<Self.rounds {
                                let events = (0..<(1 + (writer + round) % 5)).map { _ in
                                    NewEvent.sample(fixture.acme.tenant, type: "run.completed")
                                }
                                _ = try await log.append(events)
                                ids += events.map(\.id.description)
                            }
                            await pool.shutdown()
                            return ids
                        }
                    }
                    return try await writers.reduce(into: []) { $0 += $1 }
                }
                isOver.set()
                return (written, try await group.next() ?? [])
            }
            #expect(written.count > 1_000)
            #expect(seen.count == Set(seen).count)
            #expect(Set(written).subtracting(seen).isEmpty)
            #expect(seen.count == written.count)
        }
    }

    /// The same poller against positions from a plain sequence: this is what the head's lock is for. If it ever stops
    /// losing rows, the test above proves nothing.
    @Test func `with positions from a sequence the same poller misses rows`() async throws {
        try await withFeed { fixture in
            try await fixture.pool.script(
                """
                create sequence public.plain;
                create function public.append_plain(p_id text, p_wait double precision) returns void language plpgsql as $$
                declare v_pos bigint := nextval('public.plain');
                begin
                    -- what happens between the number and the commit, made visible
                    perform pg_sleep(p_wait);
                    insert into fanfare.events (pos, recorded_at, created_at, part, event_id, tenant_id, type, envelope)
                    values (v_pos, now(), now(), 0, p_id, 'acme', 'run.completed',
                        convert_to('{"id":"' || p_id || '"}', 'utf8'));
                    update fanfare.feed_head set next_pos = greatest(next_pos, v_pos + 1);
                end $$
                """)
            let isOver = Flag()
            let (written, seen) = try await withThrowingTaskGroup(of: [String].self) { group in
                group.addTask { try await follow(fixture, until: isOver) }
                let written = try await withThrowingTaskGroup(of: [String].self) { writers in
                    for writer in 0..<Self.writers {
                        writers.addTask {
                            let pool = fixture.database.pool(connections: 1)
                            let statement = Statement("test.plain", "select public.append_plain($1, $2)")
                            var ids: [String] = []
                            for round in 0..<Self.rounds {
                                let id = EventID.make(at: SystemClock().now()).description
                                try await pool.execute(
                                    statement,
                                    Parameters {
                                        $0.add(id)
                                        $0.add(Double((writer * 7 + round) % 5) / 1_000)
                                    })
                                ids.append(id)
                            }
                            await pool.shutdown()
                            return ids
                        }
                    }
                    return try await writers.reduce(into: []) { $0 += $1 }
                }
                isOver.set()
                return (written, try await group.next() ?? [])
            }
            #expect(!Set(written).subtracting(seen).isEmpty)
        }
    }
}

/// Something that happens once.
final class Flag: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}
