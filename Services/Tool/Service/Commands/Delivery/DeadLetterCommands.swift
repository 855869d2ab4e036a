internal import Egress
internal import EventCodec
internal import EventModel
internal import ServiceKit

/// `fanfare deadletter …`, by the API. One at a time; a job does it in bulk.
enum DeadLetterCommands {
    private static let path = "/v1/tenant/dead-letters"
    private static let hint = "`fanfare deadletter list` shows them"

    static let list = Command(
        CommandSpec(
            name: "deadletter list", summary: "lists deliveries that failed for the last time, newest first",
            options: [
                .init("--webhook", "ID", "only those of this webhook"),
                .init("--type", "TYPE", "only this event type or family"),
                .init("--error", "CLASS", "only this class, such as http_5xx or timeout"),
                .init("--since", "TIME", "2026-01-31T12:00:00Z, or 15m, 2h, 1d ago"),
                .init("--until", "TIME", "the same"),
                .init("--state", "STATE", "dead (default), redriven or all"),
                .init("--count", "N", "ends after N; 50 if not given"), .json,
            ] + .remote)
    ) { try await list($0) }

    static let redrive = Command(
        CommandSpec(
            name: "deadletter redrive", summary: "sends a dead letter again, with a fresh schedule",
            positionals: [.init(name: "ID", help: hint)], options: [.json] + .remote,
            details: "Many at once: fanfare job start redrive --webhook ID")
    ) { try await redrive($0) }

    static let discard = Command(
        CommandSpec(
            name: "deadletter discard", summary: "throws a dead letter away; the reason stays in the audit",
            positionals: [.init(name: "ID", help: hint)],
            options: [.init("--reason", "TEXT", "why; needed")] + .remote,
            details: "Many at once: fanfare job start discard --webhook ID --reason TEXT")
    ) { try await discard($0) }

    private static func list(_ context: CommandContext) async throws -> ExitCode {
        let arguments = context.arguments
        let isJSON = try arguments.flag("--json")
        let most = try arguments.int("--count", in: 1...1_000_000) ?? 50
        let now = SystemClock().now()
        var query = QueryText()
        query.add("webhook_id", arguments["--webhook"])
        query.add("type", arguments["--type"])
        query.add("error_class", arguments["--error"])
        query.add(
            "since", try arguments["--since"].map { text throws(ToolError) in try TailCommand.time(text, now: now) })
        query.add(
            "until", try arguments["--until"].map { text throws(ToolError) in try TailCommand.time(text, now: now) })
        query.add("state", arguments["--state"])
        let filters = query
        return try await context.withAPI { api in
            var seen = 0
            try await api.forEach(path, filters, limit: min(most, 200)) { letter in
                seen += 1
                let isRead = context.console.line(isJSON ? String(decoding: letter.bytes, as: UTF8.self) : row(letter))
                return isRead && seen < most
            }
            return .done
        }
    }

    static func row(_ letter: JSONValue) -> String {
        let why = letter["error_class"]?.string ?? letter["reason"]?.string ?? ""
        let status = letter["last_status"]?.plain
        return [
            letter["dead_at"]?.string ?? "", letter["id"]?.string ?? "",
            letter["type"]?.string ?? "", letter["webhook_id"]?.string ?? "",
            why + (status.map { " (\($0))" } ?? ""), letter["attempt_count"]?.plain.map { "\($0) attempts" } ?? "",
        ].joined(separator: "  ")
    }

    private static func redrive(_ context: CommandContext) async throws -> ExitCode {
        let id = try context.id(0, prefix: "dl_", hint: hint)
        return try await context.withAPI { api in
            let answer = try await api.call(.post, api.access.feedURL + "\(path)/\(id)/redrive", [])
            if try !context.printsJSON(answer) {
                context.console.line("sent again as \(answer["delivery_id"]?.string ?? "")")
            }
            return .done
        }
    }

    private static func discard(_ context: CommandContext) async throws -> ExitCode {
        let id = try context.id(0, prefix: "dl_", hint: hint)
        guard let reason = context.arguments["--reason"], !reason.isEmpty else {
            throw ToolError(.usage, "say why: --reason TEXT stays in the audit")
        }
        return try await context.withAPI { api in
            _ = try await api.call(
                .delete, api.access.feedURL + "\(path)/\(id)" + QueryText().adding("reason", reason).text, [])
            context.console.line("discarded \(id)")
            return .done
        }
    }
}
