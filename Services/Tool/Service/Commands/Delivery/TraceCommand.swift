internal import Egress
internal import EventCodec
internal import ServiceKit

/// `fanfare trace`
enum TraceCommand {
    static let command = Command(
        CommandSpec(
            name: "trace", summary: "tells which webhooks got an event, why others did not, and each attempt",
            positionals: [.init(name: "EVENT_ID", help: "as publishing answered it, or `fanfare tail` shows it")],
            options: [.init("--matched", nil, "only webhooks that the event matched"), .json] + .remote)
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let id = try context.id(0, prefix: "evt_", hint: "`fanfare tail` shows them")
        let onlyMatched = try context.arguments.flag("--matched")
        let isJSON = try context.arguments.flag("--json")
        return try await context.withAPI { api in
            var isFirst = true
            var cursor: String?
            repeat {
                let query = QueryText().adding("limit", "200").adding("cursor", cursor)
                let page = try await api.call(.get, api.access.feedURL + "/v1/events/\(id)/trace" + query.text, [])
                if isFirst, !isJSON { head(page, context.console) }
                isFirst = false
                for webhook in page["data"]?.elements ?? [] where !onlyMatched || webhook["matched"]?.bool == true {
                    let text = isJSON ? String(decoding: webhook.bytes, as: UTF8.self) : text(of: webhook)
                    guard context.console.line(text) else { return .done }
                }
                cursor = page["has_more"]?.bool == true ? page["next_cursor"]?.string : nil
            } while cursor != nil
            return .done
        }
    }

    private static func head(_ page: JSONValue, _ console: Console) {
        let state = page["fanned_out"]?.bool == true ? "" : "  (not matched against webhooks yet)"
        console.line(
            "\(page["event_id"]?.string ?? "")  \(page["type"]?.string ?? "")  stored \(page["recorded_at"]?.string ?? "")\(state)"
        )
    }

    /// A webhook, and below it its deliveries with their attempts.
    static func text(of webhook: JSONValue) -> String {
        let isMatched = webhook["matched"]?.bool == true
        let deliveries = webhook["deliveries"]?.elements ?? []
        let verdict = isMatched ? "matched" : "no: \(webhook["reason"]?.string ?? "?")"
        var lines = ["\(webhook["webhook_id"]?.string ?? "")  \(verdict)  \(webhook["url"]?.string ?? "")"]
        if let cursor = webhook["cursor"], cursor != .null {
            let isWaiting = cursor["waiting"]?.bool == true
            lines.append(
                "  \(isWaiting ? "waits for" : "came by") a cursor, which catches up from \(cursor["from"]?.plain ?? "?")"
                    + (isWaiting ? " and has come to \(cursor["pos"]?.plain ?? "?")" : ""))
        } else if isMatched, deliveries.isEmpty {
            lines.append("  waits for its first attempt")
        }
        for delivery in deliveries {
            let reason = delivery["reason"]?.string.map { ": \($0)" } ?? ""
            let cause = delivery["cause"]?.string.map { $0 == "live" ? "" : "  for \($0)" } ?? ""
            lines.append("  \(delivery["id"]?.string ?? "")  \(delivery["state"]?.string ?? "?")\(reason)\(cause)")
            lines += (delivery["history"]?.elements ?? []).map(attempt)
        }
        return lines.joined(separator: "\n")
    }

    private static func attempt(_ row: JSONValue) -> String {
        let outcome = row["status"]?.plain ?? row["error_class"]?.plain ?? row["reason"]?.plain ?? "?"
        let time = row["total_ms"]?.plain.map { " in \($0) ms" } ?? ""
        let next = row["next_attempt_at"]?.plain.map { ", next \($0)" } ?? ""
        return "    \(row["started_at"]?.string ?? "")  \(row["attempt"]?.plain ?? "?")  "
            + "\(row["verdict"]?.string ?? "?")  \(outcome)\(time)\(next)"
    }
}
