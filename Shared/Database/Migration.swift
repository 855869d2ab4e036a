/// One step of the schema: SQL that runs in a transaction together with its entry in `fanfare.schema_migrations`.
///
/// A step that was released is never changed. What old programs read stays until the release after (expand, then
/// contract).
public struct Migration: Sendable, Hashable {
    /// From 1, rising, without gaps needed.
    public let version: Int
    public let name: String
    /// Without parameters; several statements separated by semicolons. No statement that refuses to run in a
    /// transaction.
    public let sql: String
    /// The oldest version that a program has to know so that it works once this step is applied; 0, for steps that only
    /// add: any. A step that takes something away names the step with which programs stopped to need it.
    public let compatibleFrom: Int

    public init(version: Int, name: String, sql: String, compatibleFrom: Int = 0) {
        self.version = version
        self.name = name
        self.sql = sql
        self.compatibleFrom = compatibleFrom
    }
}
