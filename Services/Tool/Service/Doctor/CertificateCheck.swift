internal import Database
internal import EventCodec
internal import EventModel

/// When the client certificates of webhooks end.
enum CertificateCheck {
    /// From then on an operator is told.
    private static let notice: Int64 = 14 * 86_400

    private static let exists = Statement(
        "doctor.certificates",
        """
        select exists (select from information_schema.columns where table_schema = 'fanfare' and table_name = 'webhooks'
            and column_name = 'certificate_expires_at')
        """)
    private static let ending = Statement(
        "doctor.ending",
        """
        select id, tenant_id, certificate_expires_at from fanfare.webhooks
        where certificate_expires_at < now() + interval '14 days' order by certificate_expires_at limit 20
        """)

    static func run(_ pool: ConnectionPool) async throws -> [Finding] {
        guard try await pool.execute(exists).bool(0, 0) else { return [] }
        let rows = try await pool.execute(ending)
        let now = SystemClock().now()
        return (0..<rows.count).map { row in
            judge(webhook: rows.text(row, 0), tenant: rows.text(row, 1), end: rows.timestamp(row, 2), now: now)
        }
    }

    static func judge(webhook: String, tenant: String, end: Timestamp, now: Timestamp) -> Finding {
        let advice = "give it a new one: PATCH /v1/tenant/webhooks/\(webhook) with client_certificate"
        let what = "the client certificate of \(webhook) (tenant \(tenant))"
        return end < now
            ? .failed("certificates", "\(what) ended \(RFC3339.format(end))", advice)
            : .warning("certificates", "\(what) ends \(RFC3339.format(end))", advice)
    }
}
