public import Database
public import EventModel

/// Dead letters: looked at, sent again, thrown away. Whatever ends one is in the audit.
public struct DeadLetterStore: Sendable {
    private let database: any StatementExecutor
    private let scan: Int

    /// - Parameter scan: Rows that one statement looks through.
    public init(_ database: any StatementExecutor, scan: Int = 20_000) {
        self.database = database
        self.scan = scan
    }

    private static let page = Statement(
        "letter.page",
        """
        select p.o_edge, p.o_more, \(DeadLetterRecord.columns)
        from fanfare.dead_letters_page_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) p
            left join fanfare.dead_letters d on d.id = p.o_id
        order by p.o_id desc nulls first
        """)
    private static let one = Statement(
        "letter.one",
        "select \(DeadLetterRecord.columns), d.payload from fanfare.dead_letters d where d.tenant_id = $1 and d.id = $2"
    )
    private static let claim = Statement(
        "letter.claim",
        """
        select o_id, o_cause, o_webhook, o_event, o_type, o_pos, o_part, o_recorded, o_payload
        from fanfare.claim_redrive_v1($1, $2, $3)
        """)
    private static let redriven = Statement("letter.redriven", "select fanfare.note_redriven_v1($1, $2, $3)")
    private static let discard = Statement(
        "letter.discard", "select fanfare.discard_dead_letters_v1($1, $2, $3, $4, $5)")

    /// - Parameter before: The edge of the page before this one.
    public func page(
        tenant: TenantID, _ filter: DeadLetterFilter, before: String?, limit: Int
    ) async throws(DatabaseError) -> DeadLetterPage {
        let rows = try await database.execute(
            Self.page,
            Parameters {
                $0.add(tenant.text)
                $0.add(filter.endpoint?.description)
                $0.add(filter.type?.text)
                $0.add(filter.errorClass)
                $0.add(filter.since)
                $0.add(filter.until)
                $0.add(filter.isRedriven)
                $0.add(before)
                $0.add(Int32(clamping: limit))
                $0.add(Int32(clamping: scan))
            })
        return DeadLetterPage(
            // One that was thrown away between the two looks has no row.
            letters: (1..<rows.count).compactMap { rows.isNull($0, 2) ? nil : DeadLetterRecord(rows, $0, from: 2) },
            edge: rows.optionalText(0, 0), hasMore: rows.bool(0, 1))
    }

    /// A dead letter with its exact bytes; nil when the tenant has no such one.
    public func find(
        _ id: DeadLetterID, tenant: TenantID
    ) async throws(DatabaseError) -> (letter: DeadLetterRecord, payload: [UInt8])? {
        let rows = try await database.execute(
            Self.one,
            Parameters {
                $0.add(tenant.text)
                $0.add(id.description)
            })
        guard !rows.isEmpty else { return nil }
        return (DeadLetterRecord(rows, 0), rows.bytes(0, DeadLetterRecord.columnCount))
    }

    /// Marks letters that are to be sent again. What cannot be (gone, redriven, event past its retention) is left out.
    ///
    /// - Parameter cause: Of letters that no earlier try has marked.
    public func claim(
        _ ids: [DeadLetterID], tenant: TenantID, cause: Cause
    ) async throws(DatabaseError) -> [ClaimedLetter] {
        let rows = try await database.execute(
            Self.claim,
            Parameters {
                $0.add(tenant.text)
                $0.add(texts: ids.map(\.description))
                $0.add(cause.description)
            })
        return (0..<rows.count).map {
            ClaimedLetter(
                id: rows.identifier($0, 0), cause: Cause(rows.text($0, 1)), endpoint: rows.identifier($0, 2),
                event: rows.identifier($0, 3), type: rows.text($0, 4), pos: rows.int64($0, 5),
                part: Int(rows.int32($0, 6)), recordedAt: rows.timestamp($0, 7), payload: rows.bytes($0, 8))
        }
    }

    /// What was claimed is on its lanes.
    ///
    /// - Parameter actor: Who asked for it: the id of a token or a job.
    /// - Returns: how many of them were not known to be.
    @discardableResult
    public func noteRedriven(
        _ ids: [DeadLetterID], tenant: TenantID, actor: String
    ) async throws(DatabaseError) -> Int {
        try await database.execute(
            Self.redriven,
            Parameters {
                $0.add(tenant.text)
                $0.add(texts: ids.map(\.description))
                $0.add(actor)
            }
        ).int(0, 0)
    }

    /// Throws letters away.
    ///
    /// - Parameters:
    ///   - job: That does it; nil for a single one.
    ///   - actor: Who asked for it: the id of a token or a job.
    /// - Returns: how many there were.
    public func discard(
        _ ids: [DeadLetterID], tenant: TenantID, job: JobID? = nil, actor: String, reason: String
    ) async throws(DatabaseError) -> Int {
        try await database.execute(
            Self.discard,
            Parameters {
                $0.add(tenant.text)
                $0.add(texts: ids.map(\.description))
                $0.add(job?.description)
                $0.add(actor)
                $0.add(reason)
            }
        ).int(0, 0)
    }
}
