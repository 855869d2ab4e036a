internal import EventCodec
internal import EventModel
internal import ServiceKit

/// `fanfare tail`
enum TailCommand {
    static let types = CommandSpec.Option(
        "--type", "TYPE", "only this type, or this family: slack, slack.*", isRepeatable: true)

    static let command = Command(
        CommandSpec(
            name: "tail", summary: "follows the feed, a line an event",
            options: [
                types,
                .init("--smith", "ID", "only events of this smith"),
                .init(
                    "--since", "TIME",
                    "begins with what was stored then: 2026-01-31T12:00:00Z, or 15m, 2h, 1d ago; else now"),
                .init("--count", "N", "ends after N events"),
                .init("--json", nil, "prints the envelopes as they are"),
            ] + .remote,
            details: "A lost connection is made again; nothing is missed or shown twice.")
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let isJSON = try context.arguments.flag("--json")
        let count = try context.arguments.int("--count", in: 1...Int.max) ?? Int.max
        let query = try query(
            types: context.arguments.all("--type"), smith: context.arguments["--smith"],
            since: context.arguments["--since"])
        let http = WebClient()
        defer { http.stop() }
        let console = context.console
        let follower = FeedFollower(
            api: APIClient(access: try .find(context), http: http), console: console, query: query)
        var seen = 0
        try await follower.follow(until: context.shutdown) { event in
            seen += 1
            let isRead =
                isJSON ? console.line(String(decoding: event.data, as: UTF8.self)) : console.line(line(event.data))
            return isRead && seen < count
        }
        return .done
    }

    static func query(types: [String], smith: String?, since: String?) throws(ToolError) -> String {
        var parts = types.map { "type=\(PercentText.encode($0))" }
        if let smith { parts.append("smith_id=\(PercentText.encode(smith))") }
        if let since { parts.append("since=\(PercentText.encode(try time(since, now: SystemClock().now())))") }
        return parts.joined(separator: "&")
    }

    /// RFC 3339 as it is; a duration as that long ago.
    static func time(_ text: String, now: Timestamp) throws(ToolError) -> String {
        if RFC3339.parse(text) != nil { return text }
        guard let ago = DurationText.parse(text) else {
            throw ToolError(
                .usage, "--since takes a time such as 2026-01-31T12:00:00Z, or a duration such as 15m or 2h")
        }
        return RFC3339.format(now.adding(seconds: -ago.components.seconds))
    }

    private static let widestData = 100

    /// `12:00:00.123  evt_…  run.completed  smith  {…}`
    static func line(_ bytes: [UInt8]) -> String {
        guard let envelope = try? Envelope(reading: bytes) else { return String(decoding: bytes, as: UTF8.self) }
        let time = RFC3339.format(envelope.createdAt).dropFirst(11).dropLast()
        var data = String(decoding: bytes[envelope.data], as: UTF8.self)
        if data.count > widestData { data = data.prefix(widestData) + "…" }
        let smith = envelope.smith.map { "  \($0.text)" } ?? ""
        return "\(time)  \(envelope.id)  \(envelope.type)\(smith)  \(data)"
    }
}

/// Percent-encoding of a query's values (RFC 3986 §2.3).
enum PercentText {
    static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            default:
                bytes.append(0x25)
                let digits = Array("0123456789ABCDEF".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
