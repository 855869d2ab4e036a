public import Database
public import EventModel

/// Triggers of tenants. A change takes effect from a position of the feed, in the one statement that makes it; its door's half
/// changes with it.
public struct TriggerStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    /// What the channel of a trigger's door begins with; its preset follows.
    public static let channelPrefix = "generic."

    /// The integration that is a trigger's door.
    public static func door(of id: TriggerID) -> IntegrationID { IntegrationID(id.ulid) }

    private static let create = Statement(
        "trigger.create",
        "select \(StoredTrigger.columns) from fanfare.create_trigger_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    private static let update = Statement(
        "trigger.update",
        // The condition is judged again once the row is ours: of two at the same time one changes what it has seen.
        """
        select new.* from (
            select id as seen from fanfare.triggers
            where tenant_id = $1 and id = $2 and document = $11 and is_active = $12 for update
        ) old, lateral (
            select \(StoredTrigger.columns)
            from fanfare.update_trigger_v1($1, old.seen, $3, $4, $5, $6, $7, $8, $9, $10)
        ) new
        """)
    private static let one = Statement(
        "trigger.one", "select \(StoredTrigger.columns) from fanfare.triggers where tenant_id = $1 and id = $2")
    private static let doorOf = Statement(
        "trigger.door",
        """
        select \(StoredIntegration.columns) from fanfare.integrations
        where tenant_id = $1 and id = $2 and starts_with(channel, 'generic.')
        """)
    private static let list = Statement(
        "trigger.list",
        """
        select \(StoredTrigger.columns) from fanfare.triggers where tenant_id = $1 and id > $2 order by id limit $3
        """)
    private static let remove = Statement("trigger.delete", "select fanfare.delete_trigger_v1($1, $2, $3)")
    private static let pauses = Statement(
        "trigger.pause", "select o_acts from fanfare.pause_triggers_v1($1, $2, $3, $4)")

    /// - Returns: nil when there is no such tenant.
    public func create(
        _ id: TriggerID, tenant: TenantID, _ content: TriggerContent, now: Timestamp
    ) async throws(DatabaseError) -> StoredTrigger? {
        let parameters = Parameters {
            $0.add(id.description)
            $0.add(tenant.text)
            Self.add(content, id, now, to: &$0)
        }
        do throws(DatabaseError) {
            return StoredTrigger(try await database.execute(Self.create, parameters), 0)
        } catch  where error.isMissingTenant {
            return nil
        }
    }

    /// Puts new content in the place of what the caller has seen.
    ///
    /// - Returns: nil when it is not that any more: somebody has changed or ended it meanwhile.
    public func update(
        _ seen: StoredTrigger, _ content: TriggerContent, now: Timestamp
    ) async throws(DatabaseError) -> StoredTrigger? {
        var parameters = Self.key(seen.tenant, seen.id)
        Self.add(content, seen.id, now, to: &parameters)
        parameters.add(utf8: seen.document)
        parameters.add(seen.isActive)
        let rows = try await database.execute(Self.update, parameters)
        return rows.isEmpty ? nil : StoredTrigger(rows, 0)
    }

    public func find(_ id: TriggerID, tenant: TenantID) async throws(DatabaseError) -> StoredTrigger? {
        let rows = try await database.execute(Self.one, Self.key(tenant, id))
        return rows.isEmpty ? nil : StoredTrigger(rows, 0)
    }

    /// The door of a trigger with a URL: its settings and its sealed secrets.
    public func door(_ id: TriggerID, tenant: TenantID) async throws(DatabaseError) -> StoredIntegration? {
        let rows = try await database.execute(
            Self.doorOf,
            Parameters {
                $0.add(tenant.text)
                $0.add(Self.door(of: id).description)
            })
        return rows.isEmpty ? nil : StoredIntegration(rows, 0)
    }

    /// In order of their making.
    public func list(
        tenant: TenantID, after: String?, limit: Int
    ) async throws(DatabaseError) -> Page<StoredTrigger> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(tenant.text)
                $0.add(after ?? "")
                $0.add(limit + 1)
            })
        return Page((0..<rows.count).map { StoredTrigger(rows, $0) }, limit: limit)
    }

    /// - Returns: false when the tenant has no such trigger.
    public func delete(_ id: TriggerID, tenant: TenantID) async throws(DatabaseError) -> Bool {
        var parameters = Self.key(tenant, id)
        parameters.add(Self.door(of: id).description)
        return try await database.execute(Self.remove, parameters).bool(0, 0)
    }

    /// An event that a trigger with a pause between its actions would act on.
    public struct Occasion: Sendable {
        public var trigger: TriggerID
        public var event: EventID
        /// When the feed stored it.
        public var at: Timestamp
        /// Seconds.
        public var pause: Int32

        public init(trigger: TriggerID, event: EventID, at: Timestamp, pause: Int32) {
            self.trigger = trigger
            self.event = event
            self.at = at
            self.pause = pause
        }
    }

    /// Whether triggers act on events: not within the pause after one that they acted on. Asked again for the same event, the
    /// answer is the same.
    ///
    /// - Parameter occasions: In order of the feed.
    /// - Returns: an answer for each, in order.
    public func pause(_ occasions: [Occasion]) async throws(DatabaseError) -> [Bool] {
        guard !occasions.isEmpty else { return [] }
        let rows = try await database.execute(
            Self.pauses,
            Parameters {
                $0.add(texts: occasions.map(\.trigger.description))
                $0.add(texts: occasions.map(\.event.description))
                $0.addArray(of: .timestamp) { for occasion in occasions { $0.append(occasion.at) } }
                $0.add(int32s: occasions.map(\.pause))
            })
        return (0..<rows.count).map { rows.bool($0, 0) }
    }

    private static func add(
        _ content: TriggerContent, _ id: TriggerID, _ now: Timestamp, to parameters: inout Parameters
    ) {
        parameters.add(content.name)
        parameters.add(utf8: content.document)
        parameters.add(content.isActive)
        parameters.add(door(of: id).description)
        parameters.add(content.door.map { channelPrefix + $0.preset })
        parameters.add(utf8: content.door?.config)
        parameters.add(content.door?.sealedSecrets)
        parameters.add("sec_\(Ulid.random(at: now))")
    }

    private static func key(_ tenant: TenantID, _ id: TriggerID) -> Parameters {
        Parameters {
            $0.add(tenant.text)
            $0.add(id.description)
        }
    }
}
