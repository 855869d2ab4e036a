internal import Egress
internal import EventCodec
internal import EventModel
internal import Glibc
internal import Inbound
internal import ServiceKit
internal import Store

/// `fanfare send`: what a vendor would post, signed as it would sign.
enum SendCommand {
    private static let kinds =
        InboundChannel.allCases.map(InboundKind.channel) + InboundPreset.allCases.map(InboundKind.preset)

    static let command = Command(
        CommandSpec(
            name: "send", summary: "posts a body as a vendor would: signed, encrypted, with its headers",
            positionals: [.init(name: "FILE", help: "the body; - for standard input")],
            options: [
                .init("--as", "SENDER", "one of \(kinds.map(\.name).joined(separator: ", "))"),
                .init(
                    "--secret", "[NAME=]VALUE", "what it is signed with, as `integration create` printed it",
                    isRepeatable: true),
                .init("--to", "ID", "the integration or trigger; for agentgate and formbridge a workspace"),
                .init("--config", "JSON", #"settings that change the form, such as {"scheme":"combo"}"#),
                .init("--event", "NAME", "what the sender's event header says; else what the body looks like"),
                .init("--id", "ID", "the sender's id of the delivery; the same again is a duplicate"),
                .init("--url", "URL", "the door, where it is not at the installation's own ingest"), .directory,
            ],
            details: "Prints the answer. Exit code 1 when it is no success.")
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let arguments = context.arguments
        guard let name = arguments["--as"], let kind = kinds.first(where: { $0.name == name }) else {
            throw ToolError(.usage, "--as is one of \(kinds.map(\.name).joined(separator: ", "))")
        }
        let body = try body(arguments.positional(0) ?? "-")
        guard let given = try SecretArguments(arguments.all("--secret"), kind: kind).json else {
            throw ToolError(.usage, "\(name) signs: give its --secret")
        }
        let signer: InboundSigner
        do throws(JSONFieldError) {
            let config = try InboundConfig(
                json: Array((arguments["--config"] ?? "{}").utf8), kind: kind)
            signer = InboundSigner(
                kind: kind, config: config,
                secrets: try InboundSecrets(JSONFields(body: given), kind: kind, config: config))
        } catch {
            throw ToolError(.usage, "\(error.message)\(error.param.map { " (\($0))" } ?? "")")
        }
        let now = SystemClock().now()
        let request: InboundSample
        do throws(InboundSigner.Failure) {
            request = try signer.sign(
                body, event: arguments["--event"], id: arguments["--id"], now: now)
        } catch {
            throw ToolError(.usage, "\(name) does not sign without --secret \(error.secret)=…")
        }
        return try await post(request, to: try door(kind, context), context)
    }

    private static func post(
        _ request: InboundSample, to door: String, _ context: CommandContext
    ) async throws -> ExitCode {
        var headers = HeaderBlock()
        do throws(HeaderError) {
            for header in request.headers { try headers.append(foreign: header.name, value: header.value) }
        } catch {
            throw ToolError(.usage, "a header cannot be sent: \(error)")
        }
        let http = WebClient()
        defer { http.stop() }
        let answer = try await http.send(.post, door + query(request.query), headers: headers, body: request.body)
        context.console.line(answer.body.isEmpty ? "\(answer.status)" : "\(answer.status) \(answer.text)")
        return answer.isSuccess ? .done : .failed
    }

    /// Where the sender would post.
    private static func door(_ kind: InboundKind, _ context: CommandContext) throws(ToolError) -> String {
        if let url = context.arguments["--url"] { return url }
        guard let options = try InstallationOptions.read(context.folder) else {
            throw ToolError(
                .notRunning,
                "there is no installation in \(context.folder.path): name one with --dir, or the door with --url")
        }
        let to = context.arguments["--to"]
        switch kind {
        case .channel(.agentgate), .channel(.formbridge):
            return options.ingestURL + "/api/events/ingest" + (to.map { "/\($0)" } ?? "")
        case .channel(let channel):
            return options.ingestURL + "/v1/webhook/\(channel.rawValue)" + (to.map { "/\($0)" } ?? "")
        case .preset:
            guard let to else { throw ToolError(.usage, "--to names the trigger that the sender posts to") }
            return options.ingestURL + "/v1/webhook/generic/\(to)"
        }
    }

    private static func query(_ pairs: [(name: String, value: String)]) -> String {
        guard !pairs.isEmpty else { return "" }
        return "?" + pairs.map { "\($0.name)=\(escaped($0.value))" }.joined(separator: "&")
    }

    /// RFC 3986 §2.3: what is not unreserved is written as its bytes.
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default: escaped += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return escaped
    }

    private static func body(_ path: String) throws(ToolError) -> [UInt8] {
        if path == "-" {
            guard let input = Files.bytes(STDIN_FILENO) else { throw Files.failure("standard input") }
            return input
        }
        guard let file = Files.bytes(path) else { throw Files.failure(path) }
        return file
    }
}
