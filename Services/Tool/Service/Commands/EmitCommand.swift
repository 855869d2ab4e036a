internal import EventCodec
internal import EventModel
internal import Glibc
internal import ServiceKit

/// `fanfare emit`
enum EmitCommand {
    static let command = Command(
        CommandSpec(
            name: "emit", summary: "publishes an event and prints its id",
            positionals: [
                .init(name: "TYPE", help: "such as run.completed"),
                .init(
                    name: "DATA",
                    help: "JSON, @FILE, or - for standard input; else the catalogue's sample of that type",
                    isOptional: true),
            ],
            options: [
                .init("--smith", "ID", "the smith that it concerns"),
                .init("--key", "KEY", "an idempotency key: a second event with it is a duplicate"),
                .json,
            ] + .remote)
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let type = context.arguments.positional(0) ?? ""
        let data = try data(context.arguments.positional(1), type: type)
        let http = WebClient()
        defer { http.stop() }
        let api = APIClient(access: try .find(context), http: http)
        let published = try await api.publish(
            type, data: data, smith: context.arguments["--smith"], key: context.arguments["--key"])
        if try context.arguments.flag("--json") {
            var writer = JSONWriter()
            writer.object {
                $0.member("id", published.id)
                $0.member("duplicate", published.isDuplicate)
            }
            context.console.line(String(decoding: writer.bytes, as: UTF8.self))
        } else {
            context.console.line(published.isDuplicate ? "\(published.id) (a duplicate)" : published.id)
        }
        return .done
    }

    /// The event's `data`, which is JSON.
    static func data(_ given: String?, type: String) throws(ToolError) -> [UInt8] {
        guard EventType(type) != nil else {
            throw ToolError(.usage, "\(type) is not an event type: words of letters, digits, _ and -, joined by dots")
        }
        let bytes: [UInt8]
        switch given {
        case nil: return Array((EventCatalogue.entry(type)?.sample ?? "{}").utf8)
        case "-":
            guard let input = Files.bytes(STDIN_FILENO) else { throw Files.failure("standard input") }
            bytes = input
        case .some(let text) where text.hasPrefix("@"):
            let path = String(text.dropFirst())
            guard let file = Files.bytes(path) else { throw Files.failure(path) }
            bytes = file
        case .some(let text): bytes = Array(text.utf8)
        }
        do {
            let span = try JSONScanner.validate(bytes)
            return Array(bytes[span.range])
        } catch {
            throw ToolError(.usage, "DATA is not JSON: \(error)")
        }
    }
}
