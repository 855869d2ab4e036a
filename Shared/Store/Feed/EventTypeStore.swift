public import Database
public import EventModel

/// An event type that a tenant described for itself.
public struct EventTypeRecord: Sendable, Hashable {
    public var type: String
    /// When such an event happens.
    public var description: String
    /// A JSON object: what else the tenant said of it.
    public var document: String
    public var createdAt: Timestamp
}

/// The types that tenants add to the catalogue. Nothing that is published is checked against them.
public struct EventTypeStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let put = Statement(
        "event-type.put",
        """
        insert into fanfare.event_types as t (tenant_id, type, description, document) values ($1, $2, $3, $4)
        on conflict (tenant_id, type) do update set description = excluded.description, document = excluded.document
        returning type, description, document, created_at, xmax = 0
        """)
    private static let list = Statement(
        "event-type.list",
        "select type, description, document, created_at from fanfare.event_types where tenant_id = $1 order by type")
    private static let remove = Statement(
        "event-type.delete", "delete from fanfare.event_types where tenant_id = $1 and type = $2")

    /// - Returns: nil when there is no such tenant (any more).
    public func put(
        _ type: EventType, tenant: TenantID, description: String, document: String
    ) async throws(DatabaseError) -> (record: EventTypeRecord, isNew: Bool)? {
        let parameters = Parameters {
            $0.add(tenant.text)
            $0.add(type.text)
            $0.add(description)
            $0.add(document)
        }
        do throws(DatabaseError) {
            let rows = try await database.execute(Self.put, parameters)
            return (Self.record(rows, 0), rows.bool(0, 4))
        } catch  where error.isMissingTenant {
            return nil
        }
    }

    /// All of a tenant's, by name.
    public func list(tenant: TenantID) async throws(DatabaseError) -> [EventTypeRecord] {
        let rows = try await database.execute(Self.list, Parameters { $0.add(tenant.text) })
        return (0..<rows.count).map { Self.record(rows, $0) }
    }

    public func delete(_ type: EventType, tenant: TenantID) async throws(DatabaseError) -> Bool {
        let rows = try await database.execute(
            Self.remove,
            Parameters {
                $0.add(tenant.text)
                $0.add(type.text)
            })
        return rows.affected > 0
    }

    private static func record(_ rows: Rows, _ row: Int) -> EventTypeRecord {
        EventTypeRecord(
            type: rows.text(row, 0), description: rows.text(row, 1), document: rows.text(row, 2),
            createdAt: rows.timestamp(row, 3))
    }
}
