internal import Database
internal import EventModel

/// The columns of a cursor as the statements bring them.
enum CursorColumns {
    static func list(_ prefix: String) -> String {
        [
            "id", "kind", "tenant_id", "endpoint_id", "part", "cause", "pos", "until_pos", "types", "smith_id",
            "rate_per_s",
            "action",
        ].map { prefix + $0 }.joined(separator: ", ")
    }

    static func cursor(_ rows: Rows, _ row: Int, from first: Int) -> DeliveryCursor {
        DeliveryCursor(
            id: rows.identifier(row, first), kind: rows.text(row, first + 1) == "job" ? .job : .span,
            tenant: rows.tenant(row, first + 2), endpoint: rows.identifier(row, first + 3),
            lane: rows.int(row, first + 4), cause: Cause(rows.text(row, first + 5)), pos: rows.int64(row, first + 6),
            until: rows.optionalInt64(row, first + 7), types: rows.textArray(row, first + 8),
            smith: rows.optionalText(row, first + 9), ratePerSecond: rows.optionalDouble(row, first + 10),
            action: DeliveryCursor.Action(rawValue: rows.text(row, first + 11)) ?? .replay)
    }
}
