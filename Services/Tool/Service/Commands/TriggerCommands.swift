internal import Egress
internal import EventCodec
internal import Glibc
internal import ServiceKit
internal import Triggers
internal import YAML

/// `fanfare trigger …`, by the API.
enum TriggerCommands {
    private static let file = CommandSpec.Option(
        "-f", "FILE", "the trigger's document, YAML or JSON; - for standard input")
    private static let path = "/v1/tenant/triggers"
    private static let yaml = "application/yaml"

    static let apply = Command(
        CommandSpec(
            name: "trigger apply", summary: "makes a trigger, or replaces the one of the same name",
            options: [file, .json] + .remote,
            details: """
                A trigger without a name is made anew each time. The secret of a new one is printed, this once;
                a replaced one keeps its secrets unless the document gives some.
                """)
    ) { try await apply($0) }

    static let dryRun = Command(
        CommandSpec(
            name: "trigger dry-run", summary: "shows what a trigger makes of a sample, and why not; nothing is stored",
            positionals: [.init(name: "SAMPLE", help: "the payload as the sender sends it: JSON, @FILE, or -")],
            options: [
                file, .init("--id", "ID", "a trigger that is there, instead of -f"),
                .init("--type", "TYPE", "the event's type; the sample is its data if the trigger is on the feed"),
                .json,
            ] + .remote)
    ) { try await dryRun($0) }

    static let list = Command(
        CommandSpec(
            name: "trigger list", summary: "lists the triggers, not their secrets", options: [.json] + .remote)
    ) { try await list($0) }

    // MARK: -

    /// A document that was checked here, so that errors point into the file.
    private struct Source {
        var text: [UInt8]
        var trigger: JSONValue
        var name: String
    }

    private static func source(_ context: CommandContext) throws(ToolError) -> Source {
        guard let path = context.arguments["-f"] else { throw ToolError(.usage, "name the document: -f FILE") }
        let text = try bytes(path)
        let document: SourceDocument
        do throws(YAMLError) {
            document = try TriggerDocument.read(text)
        } catch {
            throw ToolError(.usage, "\(path):\(error.position.line):\(error.position.column): \(error.message)")
        }
        guard let trigger = document.value["trigger"] else { throw ToolError(.usage, "\(path): trigger is missing") }
        do throws(JSONFieldError) {
            let checked = try TriggerDocument(trigger)
            return Source(text: text, trigger: trigger, name: checked.definition.name)
        } catch {
            let place = document.position(of: error.param ?? "")
            throw ToolError(.usage, "\(path):\(place.line):\(place.column): \(error.message)")
        }
    }

    private static func bytes(_ path: String) throws(ToolError) -> [UInt8] {
        guard let bytes = path == "-" ? Files.bytes(STDIN_FILENO) : Files.bytes(path) else {
            throw Files.failure(path == "-" ? "standard input" : path)
        }
        return bytes
    }

    private static func apply(_ context: CommandContext) async throws -> ExitCode {
        let source = try source(context)
        let http = WebClient()
        defer { http.stop() }
        let api = APIClient(access: try .find(context), http: http)
        let url = api.access.feedURL + path
        var known: String?
        if !source.name.isEmpty {
            try await forEach(api) { if $0["name"]?.string == source.name { known = $0["id"]?.string } }
        }
        let answer: JSONValue
        if let known {
            answer = try await api.call(.put, "\(url)/\(known)", source.text, contentType: yaml)
        } else {
            answer = try await api.call(.post, url, source.text, contentType: yaml)
        }
        if try context.arguments.flag("--json") {
            context.console.line(String(decoding: answer.bytes, as: UTF8.self))
            return .done
        }
        context.console.line("id      \(answer["id"]?.string ?? "")\(known == nil ? "" : " (replaced)")")
        if let url = answer["url"]?.string { context.console.line("url     \(api.access.ingestURL)\(url)") }
        if let secret = answer["secret"]?.string { context.console.line("secret  \(secret)") }
        return .done
    }

    private static func dryRun(_ context: CommandContext) async throws -> ExitCode {
        let sample = try EmitCommand.data(context.arguments.positional(0), type: "sample")
        var body = JSONWriter()
        body.beginObject()
        if let id = context.arguments["--id"] {
            guard context.arguments["-f"] == nil else { throw ToolError(.usage, "-f or --id, not both") }
            body.member("trigger_id", id)
        } else {
            body.member("trigger", try source(context).trigger)
        }
        if let type = context.arguments["--type"] { body.member("type", type) }
        body.member("payload", raw: sample)
        body.endObject()
        let http = WebClient()
        defer { http.stop() }
        let api = APIClient(access: try .find(context), http: http)
        let answer = try await api.call(.post, api.access.feedURL + path + "/dry-run", body.bytes)
        let acts = answer["acts"]?.bool ?? false
        if try context.arguments.flag("--json") {
            context.console.line(String(decoding: answer.bytes, as: UTF8.self))
        } else {
            show(answer, acts: acts, context.console)
        }
        return acts ? .done : .failed
    }

    private static func show(_ answer: JSONValue, acts: Bool, _ console: Console) {
        console.line(acts ? "it acts" : "it does not act")
        if case .array(let objections)? = answer["objections"] {
            for objection in objections { console.line("  \(objection.string ?? "")") }
        }
        for name in ["run", "emit"] {
            guard let value = answer[name], value != .null else { continue }
            console.line("\(name.count < 4 ? "\(name) " : name)  \(String(decoding: value.bytes, as: UTF8.self))")
        }
    }

    private static func list(_ context: CommandContext) async throws -> ExitCode {
        let isJSON = try context.arguments.flag("--json")
        let http = WebClient()
        defer { http.stop() }
        let api = APIClient(access: try .find(context), http: http)
        try await forEach(api) { trigger in
            if isJSON {
                context.console.line(String(decoding: trigger.bytes, as: UTF8.self))
            } else {
                let state = trigger["active"]?.bool == true ? "active" : "off   "
                let url = trigger["url"]?.string ?? "on the feed"
                context.console.line(
                    "\(trigger["id"]?.string ?? "")  \(state)  \(url)  \(trigger["name"]?.string ?? "")")
            }
        }
        return .done
    }

    private static func forEach(_ api: APIClient, _ body: (JSONValue) -> Void) async throws(ToolError) {
        var cursor = ""
        while true {
            let page = try await api.call(.get, "\(api.access.feedURL)\(path)?limit=500&cursor=\(cursor)", [])
            guard case .array(let triggers)? = page["data"] else { return }
            for trigger in triggers { body(trigger) }
            guard page["has_more"]?.bool == true, let next = page["next_cursor"]?.string else { return }
            cursor = next
        }
    }
}
