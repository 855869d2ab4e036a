public import Database
public import EventModel

extension WebhookStore {
    private static let stop = Statement(
        "webhook.stop",
        """
        select greatest(s.from_pos, h.oldest_pos), a.from_pos - 1, h.last_recorded
        from fanfare.feed_head h, (
            select r.version, r.from_pos from fanfare.webhook_revisions r
            where r.webhook_id = $2 and r.tenant_id = $1 and r.to_pos is null and r.status = 'active'
        ) a cross join lateral (
            select r.from_pos from fanfare.webhook_revisions r
            where r.webhook_id = $2 and r.version < a.version and r.version > coalesce((
                select max(p.version) from fanfare.webhook_revisions p
                where p.webhook_id = $2 and p.version < a.version and p.status = 'active'), 0)
            order by r.version limit 1
        ) s
        where h.shard = 0 and greatest(s.from_pos, h.oldest_pos) < a.from_pos
        """)

    /// The stretch of the feed in which nothing was matched for the webhook before it was activated the last time, as far as
    /// the feed still has it.
    ///
    /// - Returns: nil when there is none, or nothing happened meanwhile.
    public func lastStop(_ id: EndpointID, tenant: TenantID) async throws(DatabaseError) -> JobRange? {
        let rows = try await database.execute(
            Self.stop,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
            })
        guard !rows.isEmpty else { return nil }
        return JobRange(
            from: rows.int64(0, 0), until: rows.int64(0, 1), oldest: rows.timestamp(0, 2), isPast: false)
    }
}
