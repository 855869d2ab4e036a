internal import EventCodec
internal import EventModel
internal import ServiceKit
internal import Signing
internal import Store

/// `fanfare tenant …`: straight at the database, for whoever runs the installation.
enum TenantCommands {
    static let create = Command(
        CommandSpec(
            name: "tenant create", summary: "makes a tenant and a token for its administrator",
            positionals: [.init(name: "NAME", help: "how people call it")],
            options: [
                .init("--id", "ID", "its id, where it is not to be a new one: 1-64 of A-Z a-z 0-9 . _ -"), .dsn,
                .directory, .json,
            ],
            details: "Prints the token, which is stored nowhere, once.")
    ) { try await create($0) }

    static let list = Command(
        CommandSpec(name: "tenant list", summary: "lists the tenants", options: [.dsn, .directory, .json])
    ) { try await list($0) }

    private static let nameLength = 1...128

    private static func create(_ context: CommandContext) async throws -> ExitCode {
        let name = context.arguments.positional(0) ?? ""
        guard nameLength.contains(name.count) else { throw ToolError(.usage, "NAME has 1 to 128 characters") }
        let now = SystemClock().now()
        var id = TenantID(Ulid.random(at: now))
        if let text = context.arguments["--id"] {
            guard let given = TenantID(text) else { throw ToolError(.usage, "--id is not the id of a tenant") }
            id = given
        }
        let token = try await DatabaseSession.withSchema(dsn: try MigrateCommand.dsn(context)) { [id] pool in
            guard try await TenantStore(pool).create(id, name: name) != nil else {
                throw ToolError(.remote, "there is a tenant \(id.text) already")
            }
            guard
                let made = try await TokenStore(pool).create(
                    tenant: id, scopes: .tenantAdmin, label: "fanfare tenant create", now: now)
            else { throw ToolError(.remote, "the tenant was deleted meanwhile") }
            return made.token.text
        }
        if try context.arguments.flag("--json") {
            var writer = JSONWriter()
            writer.object {
                $0.member("tenant_id", id.text)
                $0.member("name", name)
                $0.member("token", token)
            }
            context.console.line(String(decoding: writer.bytes, as: UTF8.self))
        } else {
            context.console.line("tenant  \(id.text)\ntoken   \(token)")
        }
        return .done
    }

    private static func list(_ context: CommandContext) async throws -> ExitCode {
        let isJSON = try context.arguments.flag("--json")
        try await DatabaseSession.withSchema(dsn: try MigrateCommand.dsn(context)) { pool in
            var after: String?
            while true {
                let page = try await TenantStore(pool).list(after: after, limit: 500)
                for tenant in page.items {
                    if isJSON {
                        var writer = JSONWriter()
                        writer.object {
                            $0.member("tenant_id", tenant.id.text)
                            $0.member("name", tenant.name)
                            $0.member("created_at", tenant.createdAt)
                        }
                        context.console.line(String(decoding: writer.bytes, as: UTF8.self))
                    } else {
                        context.console.line(
                            "\(InstallationStatus.padded(tenant.id.text, 30))  \(RFC3339.format(tenant.createdAt))  \(tenant.name)"
                        )
                    }
                }
                guard page.hasMore, let last = page.items.last else { return }
                after = last.id.text
            }
        }
        return .done
    }
}
