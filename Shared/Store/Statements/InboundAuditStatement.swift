public import Database

/// `insert_inbound_audit_v1`: writes rows of requests to doors that brought no event: those of the others are written with
/// their events.
///
///     var columns = InboundAuditColumns()
///     columns.append(record)
///     try await pool.execute(InboundAuditStatement.statement, InboundAuditStatement.parameters(columns))
public enum InboundAuditStatement {
    public static let statement = Statement(
        "audit.inbound",
        """
        select fanfare.insert_inbound_audit_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """)

    public static func parameters(_ columns: InboundAuditColumns) -> Parameters {
        var parameters = Parameters(reservingBytes: columns.byteEstimate + 512)
        columns.add(to: &parameters)
        return parameters
    }
}
