public import Database
public import EventModel

/// Identifiers are stored as their text. A row with another text was not written by us: a bug, not a state of the world.
extension Rows {
    public func tenant(_ row: Int, _ column: Int) -> TenantID {
        guard let id = TenantID(text(row, column)) else { preconditionFailure("a stored tenant id is well-formed") }
        return id
    }

    public func identifier<Kind>(_ row: Int, _ column: Int) -> Identifier<Kind> {
        guard let id = withBytes(row, column, { Identifier<Kind>(utf8: $0) }) else {
            preconditionFailure("a stored id is well-formed: \(Kind.prefix)…")
        }
        return id
    }

    public func optionalIdentifier<Kind>(_ row: Int, _ column: Int) -> Identifier<Kind>? {
        isNull(row, column) ? nil : identifier(row, column)
    }
}
