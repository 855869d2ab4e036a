internal import EventCodec
internal import EventModel
internal import ServiceKit
internal import Signing
internal import Store

/// `fanfare token …`: straight at the database, for whoever runs the installation.
enum TokenCommands {
    private static let tenant = CommandSpec.Option(
        "--tenant", "ID", "the tenant; else the installation's first one")
    private static let isOperator = CommandSpec.Option(
        "--operator", nil, "a token of the installation, not of a tenant")

    static let create = Command(
        CommandSpec(
            name: "token create", summary: "makes a token and prints it, this once",
            options: [
                .init("--scope", "SCOPE", "tenant:admin (default), events:write or events:read", isRepeatable: true),
                .init("--label", "TEXT", "what it is for"),
                .init("--expires-in", "DURATION", "such as 12h or 90d; else it does not expire"),
                tenant, isOperator, .dsn, .directory, .json,
            ])
    ) { try await create($0) }

    static let list = Command(
        CommandSpec(
            name: "token list", summary: "lists the tokens, not their texts",
            options: [tenant, isOperator, .dsn, .directory, .json])
    ) { try await list($0) }

    static let revoke = Command(
        CommandSpec(
            name: "token revoke", summary: "takes a token away, within a second on all services",
            positionals: [.init(name: "ID", help: "as `fanfare token list` shows it")],
            options: [tenant, isOperator, .dsn, .directory])
    ) { try await revoke($0) }

    /// Whose tokens: nil are the operators'.
    static func owner(_ context: CommandContext) throws(ToolError) -> TenantID? {
        if try context.arguments.flag("--operator") {
            guard context.arguments["--tenant"] == nil else {
                throw ToolError(.usage, "--tenant or --operator, not both")
            }
            return nil
        }
        let text: String
        if let given = context.arguments["--tenant"] {
            text = given
        } else if try MigrateCommand.givenDSN(context) != nil {
            throw ToolError(.usage, "name the tenant: --tenant ID, or --operator")
        } else {
            text = try InstallationStatus.running(context.folder).access.tenant
        }
        guard let tenant = TenantID(text) else { throw ToolError(.usage, "\(text) is not the id of a tenant") }
        return tenant
    }

    static func scopes(_ context: CommandContext, isOperator: Bool) throws(ToolError) -> Scopes {
        let names = context.arguments.all("--scope")
        if isOperator {
            guard names.isEmpty || names == ["operator"] else {
                throw ToolError(.usage, "an operator's token has no other scope")
            }
            return .operator
        }
        if names.isEmpty { return .tenantAdmin }
        guard let scopes = Scopes(names: names), scopes.isSubset(of: .ofTenants) else {
            throw ToolError(.usage, "--scope is tenant:admin, events:write or events:read")
        }
        return scopes
    }

    private static let lifetimes = Duration.seconds(1) ... .seconds(3650 * 86_400)

    private static func create(_ context: CommandContext) async throws -> ExitCode {
        let owner = try owner(context)
        let scopes = try scopes(context, isOperator: owner == nil)
        let label = context.arguments["--label"] ?? ""
        let now = SystemClock().now()
        let expiresAt = try context.arguments.duration("--expires-in", in: lifetimes).map {
            now.adding(seconds: $0.components.seconds)
        }
        let made = try await DatabaseSession.withSchema(dsn: try MigrateCommand.dsn(context)) { pool in
            try await TokenStore(pool).create(
                tenant: owner, scopes: scopes, label: label, expiresAt: expiresAt, now: now)
        }
        guard let made else { throw ToolError(.remote, "there is no tenant \(owner?.text ?? "")") }
        if try context.arguments.flag("--json") {
            context.console.line(json(made.record, token: made.token.text))
        } else {
            context.console.line("id     \(made.record.id)\ntoken  \(made.token.text)")
        }
        return .done
    }

    private static func list(_ context: CommandContext) async throws -> ExitCode {
        let owner = try owner(context)
        let isJSON = try context.arguments.flag("--json")
        try await DatabaseSession.withSchema(dsn: try MigrateCommand.dsn(context)) { pool in
            var after: String?
            while true {
                let page = try await TokenStore(pool).list(tenant: owner, after: after, limit: 500)
                for token in page.items { context.console.line(isJSON ? json(token, token: nil) : row(token)) }
                guard page.hasMore, let last = page.items.last else { return }
                after = last.id.description
            }
        }
        return .done
    }

    private static func revoke(_ context: CommandContext) async throws -> ExitCode {
        guard let id = TokenID(context.arguments.positional(0) ?? "") else {
            throw ToolError(.usage, "ID is a token's id, as `fanfare token list` shows it; not the token itself")
        }
        let owner = try owner(context)
        let isGone = try await DatabaseSession.withSchema(dsn: try MigrateCommand.dsn(context)) { pool in
            try await TokenStore(pool).revoke(id, tenant: owner)
        }
        guard isGone else {
            throw ToolError(.remote, "\(owner.map { "tenant \($0.text)" } ?? "the installation") has no token \(id)")
        }
        context.console.line("revoked \(id)")
        return .done
    }

    private static func row(_ token: TokenRecord) -> String {
        let end = token.expiresAt.map { "expires \(RFC3339.format($0))" } ?? "does not expire"
        return "\(token.id)  \(token.hint)  \(token.scopes.names.joined(separator: ","))  \(end)  \(token.label)"
    }

    private static func json(_ record: TokenRecord, token: String?) -> String {
        var writer = JSONWriter()
        writer.object {
            $0.member("id", record.id)
            if let token { $0.member("token", token) }
            $0.member("tenant_id", record.tenant?.text)
            $0.member("scopes", record.scopes.names)
            $0.member("label", record.label)
            $0.member("hint", record.hint)
            $0.member("created_at", record.createdAt)
            $0.member("expires_at", record.expiresAt)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
