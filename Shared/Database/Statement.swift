/// A statement with a name, prepared once a connection, when it is first used there.
///
/// The types of its parameters are those of the first `Parameters` it is run with, not what the server would guess: an
/// `Int64` is a `bigint`. Where SQL needs another type, cast in the text (`$1::jsonb`, `$2::inet`).
///
/// ```swift
/// static let page = Statement("feed.page", "select pos, envelope from events where pos > $1 order by pos limit $2")
/// ```
public struct Statement: Hashable, Sendable {
    /// Unique in the process; also the label of the statement's metrics.
    public let name: String
    public let sql: String

    public init(_ name: StaticString, _ sql: String) {
        self.name = name.description
        self.sql = sql
    }
}
