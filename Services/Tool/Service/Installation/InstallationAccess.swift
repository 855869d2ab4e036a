internal import EventCodec

/// The tenant that `up` makes once, and the tokens for it. Kept in a file that only its owner reads.
struct InstallationAccess: Sendable, Hashable {
    var tenant: String
    var workspace: String
    /// Of the tenant's administrator.
    var token: String
    /// For tenants and their tokens.
    var operatorToken: String

    var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.member("tenant_id", tenant)
            $0.member("workspace_id", workspace)
            $0.member("token", token)
            $0.member("operator_token", operatorToken)
        }
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    init(tenant: String, workspace: String, token: String, operatorToken: String) {
        self.tenant = tenant
        self.workspace = workspace
        self.token = token
        self.operatorToken = operatorToken
    }

    init?(json: [UInt8]) {
        guard let value = try? JSONValue(parsing: json), let tenant = value["tenant_id"]?.string,
            let workspace = value["workspace_id"]?.string, let token = value["token"]?.string,
            let operatorToken = value["operator_token"]?.string
        else { return nil }
        self.init(tenant: tenant, workspace: workspace, token: token, operatorToken: operatorToken)
    }

    /// Nil when none was made yet.
    static func read(_ folder: InstallationFolder) throws(ToolError) -> InstallationAccess? {
        guard Files.exists(folder.access) else { return nil }
        guard let bytes = Files.bytes(folder.access), let access = InstallationAccess(json: bytes) else {
            throw ToolError(.environment, "cannot read \(folder.access); remove it, and `fanfare up` makes new tokens")
        }
        return access
    }
}
