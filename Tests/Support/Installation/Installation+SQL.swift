internal import Database
public import EventCodec

extension Installation {
    /// The rows of a query on the installation's database, as JSON objects.
    public func rows(of sql: String) async throws -> [JSONValue] {
        let statement = Statement("test.rows", "select array(select row_to_json(t)::text from (\(sql)) t)")
        let texts = try await withPool { try await $0.execute(statement).textArray(0, 0) }
        return try texts.map { try JSONValue(parsing: Array($0.utf8), limits: JSONLimits(depth: 64)) }
    }
}
