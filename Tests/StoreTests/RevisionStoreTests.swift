import Database
import EventModel
import Store
import TestSupport
import Testing

/// What processes keep in memory is read in pages, however much there is.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct RevisionStoreTests {
    private let pool = TestDatabase.current.pool()
    private let store: RevisionStore

    init() { store = RevisionStore(pool: pool) }

    /// Rows of each kind, some of them with the same version, as the end of a tenant leaves them.
    private func fill(from version: Int64) async throws {
        try await pool.script(
            """
            insert into fanfare.webhook_revisions (version, webhook_id, tenant_id, from_pos, status, url, events,
                timeout_s, schedule, secrets)
            select \(version) + g, 'wh_' || lpad(g::text, 26, '0'), 'acme', 1, 'active', 'https://x.example', '{}', 10,
                '{0}', '{}'
            from generate_series(1, 7) g;
            insert into fanfare.role_revisions (version, workspace_id, role, tenant_id, agent_id, from_pos)
            select \(version) + 7 + g % 2, 'ws_' || lpad((g % 3)::text, 26, '0'), 'webhook.a.r' || g, 'acme', 'a', 1
            from generate_series(1, 7) g;
            insert into fanfare.trigger_revisions (version, trigger_id, tenant_id, document, from_pos)
            select \(version) + 9, 'trg_' || lpad((g + \(version))::text, 26, '0'), 'acme', '{}', 1
            from generate_series(1, 7) g;
            insert into fanfare.spans (cursor_id, tenant_id, endpoint_id, from_pos, version)
            select 'cur_' || lpad((g + \(version))::text, 26, '0'), 'acme', 'wh_' || lpad(g::text, 26, '0'), g,
                \(version) + 9
            from generate_series(1, 7) g;
            update fanfare.feed_head set config_version = \(version) + 9;
            """)
    }

    private func read(since version: Int64, limit: Int) async throws -> (version: Int64, [RevisionStore.Changes]) {
        var pages: [RevisionStore.Changes] = []
        let last = try await store.read(since: version, limit: limit) { pages.append($0) }
        return (last, pages)
    }

    private func expectAll(_ pages: [RevisionStore.Changes], atMost limit: Int) {
        #expect(pages.flatMap(\.revisions).map(\.endpoint.description.last) == Array("1234567"))
        #expect(Set(pages.flatMap(\.roles).map(\.role)).count == 7 && pages.flatMap(\.roles).count == 7)
        #expect(pages.flatMap(\.roles).map(\.version) == pages.flatMap(\.roles).map(\.version).sorted())
        #expect(Set(pages.flatMap(\.triggers).map(\.trigger)).count == 7 && pages.flatMap(\.triggers).count == 7)
        #expect(Set(pages.flatMap(\.spans).map(\.cursor)).count == 7 && pages.flatMap(\.spans).count == 7)
        for page in pages {
            #expect(page.revisions.count + page.roles.count + page.triggers.count + page.spans.count <= limit)
        }
        #expect(pages.last?.isLast == true && !pages.dropLast().contains { $0.isLast })
    }

    @Test(arguments: [1, 2, 3, 7, 100])
    func `everything comes once, in pages, also where many have one version`(limit: Int) async throws {
        try await pool.script(
            """
            truncate fanfare.webhook_revisions, fanfare.role_revisions, fanfare.trigger_revisions, fanfare.spans;
            update fanfare.feed_head set config_version = 10;
            """)
        try await fill(from: 10)
        let (version, all) = try await read(since: 0, limit: limit)
        #expect(version == 19)
        expectAll(all, atMost: limit)
        #expect(all.map(\.isFirstOfAll) == [true] + Array(repeating: false, count: all.count - 1))
        #expect(try await read(since: version, limit: limit).1.isEmpty)

        // What has come since, and that alone.
        try await pool.script("delete from fanfare.webhook_revisions")
        try await fill(from: 20)
        let (later, new) = try await read(since: version, limit: limit)
        #expect(later == 29 && !new.contains { $0.isFirstOfAll })
        expectAll(new, atMost: limit)
        #expect(new.flatMap(\.triggers).allSatisfy { $0.version == 29 })

        // A restore makes versions leap: everything is read again.
        try await pool.script("update fanfare.feed_head set config_version = config_version + (1::bigint << 40)")
        let (leapt, again) = try await read(since: later, limit: limit)
        #expect(leapt == 29 + 1 << 40)
        #expect(again.first?.isFirstOfAll == true && again.flatMap(\.triggers).count == 14)
    }

    @Test func `a hundred thousand triggers are read under the limit of time of any statement`() async throws {
        try await pool.script(
            """
            truncate fanfare.trigger_revisions;
            insert into fanfare.trigger_revisions (version, trigger_id, tenant_id, document, from_pos)
            select 1000 + g / 3, 'trg_' || lpad(g::text, 26, '0'), 'acme',
                '{"action":{"agent_id":"a"},"pad":"' || repeat('x', 300) || '"}', 1
            from generate_series(1, 100000) g;
            update fanfare.feed_head set config_version = 100000;
            """, timeout: .seconds(60))
        var largest = 0
        var count = 0
        _ = try await store.read(since: 999) { page in
            largest = max(largest, page.triggers.count)
            count += page.triggers.count
        }
        #expect(count == 100_000 && largest == RevisionStore.page)
    }
}
