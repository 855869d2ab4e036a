internal import Database
internal import EventCodec
internal import EventModel

/// When the client certificates of webhooks end, and the CAs that they trust.
enum CertificateCheck {
    private static let exists = Statement(
        "doctor.certificates",
        """
        select exists (select from information_schema.columns where table_schema = 'fanfare' and table_name = 'webhooks'
            and column_name = 'authorities_until')
        """)
    // An operator is told two weeks ahead.
    private static let ending = Statement(
        "doctor.ending",
        """
        select e.id, e.tenant_id, e.what, e.until from (
            select id, tenant_id, 'client certificate' as what, identity_until as until from fanfare.webhooks
            union all
            select id, tenant_id, 'CA bundle', authorities_until from fanfare.webhooks) e
        where e.until < now() + interval '14 days' order by e.until limit 20
        """)

    static func run(_ pool: ConnectionPool) async throws -> [Finding] {
        guard try await pool.execute(exists).bool(0, 0) else { return [] }
        let rows = try await pool.execute(ending)
        let now = SystemClock().now()
        return (0..<rows.count).map { row in
            judge(
                rows.text(row, 2), of: rows.text(row, 0), tenant: rows.text(row, 1), end: rows.timestamp(row, 3),
                now: now)
        }
    }

    static func judge(_ what: String, of webhook: String, tenant: String, end: Timestamp, now: Timestamp) -> Finding {
        let field = what == "CA bundle" ? "ca_bundle" : "client_certificate"
        let advice = "give it a new one: PATCH /v1/tenant/webhooks/\(webhook) with \(field)"
        let text = "the \(what) of \(webhook) (tenant \(tenant)) \(end < now ? "ended" : "ends") \(RFC3339.format(end))"
        return end < now ? .failed("certificates", text, advice) : .warning("certificates", text, advice)
    }
}
