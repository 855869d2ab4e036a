public import Database

/// The database's schema: everything lives in the schema `fanfare`.
///
/// ```swift
/// try await Migrator(Schema.migrations, logger: logger).migrate(pool)
/// ```
public enum Schema {
    /// The versions in order, for `Migrator`.
    public static let migrations: [Migration] = SchemaSource.all.map {
        Migration(version: $0.version, name: $0.name, sql: $0.sql)
    }
}
