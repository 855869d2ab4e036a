internal import Egress
internal import EventCodec
internal import Inbound
internal import ServiceKit

/// `fanfare integration …`, by the API.
enum IntegrationCommands {
    private static let secret = CommandSpec.Option(
        "--secret", "NAME=VALUE", "a secret of one's own, such as webhook_secrets=…; else one is made",
        isRepeatable: true)
    private static let channels = InboundChannel.allCases.map(\.rawValue).joined(separator: ", ")
    private static let path = "/v1/tenant/integrations"

    static let create = Command(
        CommandSpec(
            name: "integration create", summary: "makes a door for a vendor and prints its secrets, this once",
            positionals: [.init(name: "CHANNEL", help: "one of \(channels)")],
            options: [
                .init("--name", "TEXT", "how people call it"), secret,
                .init("--config", "JSON", #"its settings, such as {"tolerance_s":300}"#), .json,
            ] + .remote)
    ) { try await create($0) }

    static let list = Command(
        CommandSpec(
            name: "integration list", summary: "lists the integrations, not their secrets",
            options: [.init("--channel", "CHANNEL", "only those of this channel"), .json] + .remote)
    ) { try await list($0) }

    static let rotate = Command(
        CommandSpec(
            name: "integration rotate", summary: "makes new secrets; the old ones are taken for seven days more",
            positionals: [.init(name: "ID", help: "as `fanfare integration list` shows it")],
            options: [secret, .json] + .remote)
    ) { try await rotate($0) }

    private static func create(_ context: CommandContext) async throws -> ExitCode {
        let kind = try channel(context.arguments.positional(0) ?? "")
        var body = JSONWriter()
        let secrets = try SecretArguments(context.arguments.all("--secret"), kind: .channel(kind))
        let config = context.arguments["--config"].map { Array($0.utf8) }
        if let config { try check(config) }
        body.object { json in
            json.member("channel", kind.rawValue)
            if let name = context.arguments["--name"] { json.member("name", name) }
            if let config { json.member("config", raw: config) }
            if let secrets = secrets.json { json.member("secrets", raw: secrets) }
        }
        return try await show(context, path, body.bytes)
    }

    private static func rotate(_ context: CommandContext) async throws -> ExitCode {
        let id = context.arguments.positional(0) ?? ""
        guard id.hasPrefix("int_"), id.utf8.allSatisfy({ $0 > 0x2F && $0 < 0x7B || $0 == 0x5F }) else {
            throw ToolError(.usage, "ID is an integration's id, as `fanfare integration list` shows it")
        }
        var body = JSONWriter()
        let secrets = try SecretArguments(context.arguments.all("--secret"), kind: nil)
        body.object { json in
            if let secrets = secrets.json { json.member("secrets", raw: secrets) }
        }
        return try await show(context, "\(path)/\(id)/rotate", body.bytes)
    }

    /// Makes the call and shows the integration that it answers, secrets included.
    private static func show(_ context: CommandContext, _ path: String, _ body: [UInt8]) async throws -> ExitCode {
        let http = WebClient()
        defer { http.stop() }
        let api = APIClient(access: try .find(context), http: http)
        let answer = try await api.call(.post, api.access.feedURL + path, body)
        if try context.arguments.flag("--json") {
            context.console.line(String(decoding: answer.bytes, as: UTF8.self))
            return .done
        }
        context.console.line("id       \(answer["id"]?.string ?? "")")
        // Gerrit signs nothing: its token is part of what is pasted.
        let token = answer["secrets"]?["url_token"]?.string.map { "?token=\($0)" } ?? ""
        context.console.line("url      \(api.access.ingestURL)\(answer["path"]?.string ?? "")\(token)")
        if case .object(let members)? = answer["secrets"] {
            for member in members { context.console.line("secret   \(member.key)  \(text(member.value))") }
        }
        return .done
    }

    private static func list(_ context: CommandContext) async throws -> ExitCode {
        let isJSON = try context.arguments.flag("--json")
        var query = "?limit=500"
        if let name = context.arguments["--channel"] { query += "&channel=\(try channel(name).rawValue)" }
        let http = WebClient()
        defer { http.stop() }
        let api = APIClient(access: try .find(context), http: http)
        var cursor: String?
        repeat {
            let page = try await api.call(
                .get, api.access.feedURL + path + query + (cursor.map { "&cursor=\($0)" } ?? ""), [])
            guard case .array(let entries)? = page["data"] else {
                throw ToolError(.remote, "the list of integrations was answered by something else")
            }
            for entry in entries {
                context.console.line(isJSON ? String(decoding: entry.bytes, as: UTF8.self) : row(entry))
            }
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        return .done
    }

    private static func row(_ entry: JSONValue) -> String {
        let channel = InstallationStatus.padded(entry["channel"]?.string ?? "", 10)
        let state = entry["active"]?.bool == true ? "active  " : "inactive"
        return "\(entry["id"]?.string ?? "")  \(channel)  \(state)  \(entry["path"]?.string ?? "")  "
            + (entry["name"]?.string ?? "")
    }

    /// A secret as one would paste it.
    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let elements): elements.map(text).joined(separator: " ")
        default: String(decoding: value.bytes, as: UTF8.self)
        }
    }

    private static func channel(_ name: String) throws(ToolError) -> InboundChannel {
        guard let channel = InboundChannel(rawValue: name) else {
            throw ToolError(.usage, "\(name) is no channel; there are: \(channels)")
        }
        return channel
    }

    private static func check(_ config: [UInt8]) throws(ToolError) {
        do {
            try JSONScanner.validate(config)
        } catch {
            throw ToolError(.usage, "--config is not JSON: \(error)")
        }
    }
}
