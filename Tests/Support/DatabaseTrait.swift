// A build without tests, as releases are, compiles this target too and has no such module.
#if canImport(Testing)
    public import Database
    public import Testing

    /// Gives a suite, or a single test, a database of its own; see `TestDatabase.current`.
    public struct DatabaseTrait: SuiteTrait, TestTrait, TestScoping {
        let migrations: [Migration]

        public func provideScope(
            for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
        ) async throws {
            let database = try await TestDatabase.make(migrations: migrations)
            let result: Result<Void, any Error>
            do {
                result = .success(try await TestDatabase.$scoped.withValue(database) { try await function() })
            } catch {
                result = .failure(error)
            }
            try await database.drop()
            try result.get()
        }
    }

    extension Trait where Self == DatabaseTrait {
        /// A database for the suite, or for each case of a test; from a template with `migrations` applied.
        public static func database(migrations: [Migration] = []) -> DatabaseTrait {
            DatabaseTrait(migrations: migrations)
        }
    }
#endif
