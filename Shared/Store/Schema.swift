public import Database
internal import Observability

/// The database's schema: everything lives in the schema `fanfare`.
///
/// ```swift
/// try await Migrator(Schema.migrations, logger: logger).migrate(pool)
/// ```
public enum Schema {
    /// The versions in order, for `Migrator`.
    public static let migrations: [Migration] = SchemaSource.all.map {
        Migration(
            version: $0.version, name: $0.name, sql: $0.sql,
            compatibleFrom: SchemaSource.compatibleFrom[$0.version] ?? 0)
    }

    /// Whether this program works on a database. The text says what is wrong and what to do.
    public enum Fit: Sendable, Hashable {
        case fits
        /// Cured by a migration.
        case behind(String)
        /// Cured by a newer program alone.
        case ahead(String)

        public init(_ state: Migrator.State) {
            switch state {
            case .current, .newer: self = .fits
            case .pending(let versions):
                let list = versions.map(String.init).joined(separator: ", ")
                self = .behind(
                    "the schema lacks \(versions.count == 1 ? "version" : "versions") \(list): run `fanfare migrate`")
            case .tooNew(let version, let needs):
                self = .ahead(
                    "the schema has version \(version) and needs programs that know version \(needs); this one knows "
                        + "\(Schema.migrations.last?.version ?? 0): run a newer release")
            }
        }
    }

    /// Compares the database with what this program knows; changes nothing.
    public static func fit(_ executor: some StatementExecutor) async throws(DatabaseError) -> Fit {
        Fit(try await Migrator(migrations, logger: Logger(service: "schema", level: .error)).check(executor))
    }
}
