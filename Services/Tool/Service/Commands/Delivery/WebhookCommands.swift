internal import Egress
internal import EventCodec
internal import ServiceKit

/// `fanfare webhook …`, by the API.
enum WebhookCommands {
    static let path = "/v1/tenant/webhooks"
    static let hint = "`fanfare webhook list` shows them"
    private static let secret = CommandSpec.Option(
        "--secret", "TEXT", "a secret of one's own, 16-128 characters; else one is made")

    static let create = Command(
        CommandSpec(
            name: "webhook create", summary: "registers an endpoint and prints its secret, this once",
            positionals: [.init(name: "URL", help: "where events are sent, as signed POSTs")],
            options: [
                .init(
                    "--event", "TYPE", "only this type or family: slack, slack.*; else everything", isRepeatable: true),
                .init("--filter", "CONDITION", "a condition on the envelope, such as \"$.data.amount > 100\""), secret,
                .init("--description", "TEXT", "what it is for"),
                .init("--timeout", "SECONDS", "how long the endpoint may take, 1-30"),
                .init("--schedule", "SECONDS", "waits before each attempt, such as 0,30,120"),
                .init("--verify", nil, "sends a signed test first: pending until it is answered"),
                .init("--header", "LINE", "sent with each delivery, such as \"X-Team: payments\"", isRepeatable: true),
                .init("--client-certificate", "FILE", "PEM: shown to an endpoint that demands one; with --client-key"),
                .init("--client-key", "FILE", "PEM, without a password"),
                .init("--ca-bundle", "FILE", "PEM: the only CAs that the endpoint's certificate may come from"),
                .init("--v1a", nil, "signs with an Ed25519 key too"),
                .init("--paused", nil, "begins paused"), .json,
            ] + .remote)
    ) { try await create($0) }

    static let list = Command(
        CommandSpec(name: "webhook list", summary: "lists the webhooks", options: [.json] + .remote)
    ) { try await list($0) }

    static let rotate = Command(
        CommandSpec(
            name: "webhook rotate", summary: "makes a new secret; the old one stays in force for an overlap",
            positionals: [.init(name: "ID", help: hint)],
            options: [
                .init("--overlap", "DURATION", "such as 1d; 7d if not given, 0s revokes the old one at once"), secret,
                .init("--promote", nil, "no new secret: X-IC-Signature changes over to the newest one now"), .json,
            ] + .remote)
    ) { try await rotate($0) }

    static let test = Command(
        CommandSpec(
            name: "webhook test", summary: "sends webhook.test to an endpoint and tells what it answered",
            positionals: [.init(name: "ID", help: hint)],
            options: [
                .init("--patience", "DURATION", "how long to wait for the outcome; 40s if not given, 0s does not wait"),
                .json,
            ] + .remote,
            details: "Exit code 0 when the endpoint answered with 2xx, 1 when it did not.")
    ) { try await WebhookTest.run($0) }

    static let health = Command(
        CommandSpec(
            name: "webhook health", summary: "tells how an endpoint is: success rate, latency, what waits, breaker",
            positionals: [.init(name: "ID", help: hint)], options: [.json] + .remote)
    ) { try await health($0) }

    // MARK: -

    private static func create(_ context: CommandContext) async throws -> ExitCode {
        let request = try request(context.arguments)
        return try await context.withAPI { api in
            let answer = try await api.call(.post, api.access.feedURL + path, request)
            if try context.printsJSON(answer) { return .done }
            context.console.rows([
                ("id", answer["id"]?.string), ("url", answer["url"]?.string), ("status", answer["status"]?.string),
                ("secret", answer["secret"]?.string),
            ])
            return .done
        }
    }

    /// The body of the request.
    static func request(_ arguments: Arguments) throws(ToolError) -> [UInt8] {
        var body = JSONWriter()
        body.beginObject()
        body.member("url", arguments.positional(0) ?? "")
        body.member("events", arguments.all("--event"))
        if let filter = arguments["--filter"] { body.member("filter", filter) }
        if let secret = arguments["--secret"] { body.member("secret", secret) }
        if let description = arguments["--description"] { body.member("description", description) }
        if let timeout = try arguments.int("--timeout", in: 1...30) { body.member("timeout_s", timeout) }
        if let schedule = arguments["--schedule"] {
            let steps = try Self.schedule(schedule)
            body.member("schedule", array: { json in for step in steps { json.int(step) } })
        }
        try addEquipment(arguments, to: &body)
        if try arguments.flag("--verify") { body.member("verify", true) }
        if try arguments.flag("--paused") { body.member("active", false) }
        body.endObject()
        return body.bytes
    }

    private static func addEquipment(_ arguments: Arguments, to body: inout JSONWriter) throws(ToolError) {
        let lines = try arguments.all("--header").map(header)
        if !lines.isEmpty {
            body.member(
                "headers",
                object: { json in
                    for (name, value) in lines {
                        json.key(dynamic: name)
                        json.string(value)
                    }
                })
        }
        switch (try arguments["--client-certificate"].map(file), try arguments["--client-key"].map(file)) {
        case (let certificate?, let key?):
            body.member(
                "client_certificate",
                object: { json in
                    json.member("certificate", certificate)
                    json.member("key", key)
                })
        case (nil, nil): break
        default: throw ToolError(.usage, "--client-certificate and --client-key belong together")
        }
        if let authorities = try arguments["--ca-bundle"].map(file) { body.member("ca_bundle", authorities) }
        if try arguments.flag("--v1a") { body.member("v1a", true) }
    }

    private static func header(_ line: String) throws(ToolError) -> (String, String) {
        guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else {
            throw ToolError(.usage, "--header takes a line such as \"X-Team: payments\"")
        }
        return (String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " }))
    }

    private static func file(_ path: String) throws(ToolError) -> String {
        guard let text = Files.text(path) else { throw Files.failure("cannot read \(path)") }
        return text
    }

    static func schedule(_ text: String) throws(ToolError) -> [Int] {
        var steps: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let step = Int(part), (0...86_400).contains(step) else {
                throw ToolError(.usage, "--schedule takes seconds from 0 to 86400, joined by commas: 0,30,120")
            }
            steps.append(step)
        }
        return steps
    }

    private static func list(_ context: CommandContext) async throws -> ExitCode {
        let isJSON = try context.arguments.flag("--json")
        return try await context.withAPI { api in
            try await api.forEach(path) { webhook in
                context.console.line(isJSON ? String(decoding: webhook.bytes, as: UTF8.self) : row(webhook))
            }
            return .done
        }
    }

    private static func row(_ webhook: JSONValue) -> String {
        let events = (webhook["events"]?.elements ?? []).compactMap(\.string)
        let state = InstallationStatus.padded(webhook["status"]?.string ?? "", 8)
        let filter = webhook["filter"]?.string.map { "  if \($0)" } ?? ""
        let what = events.isEmpty ? "everything" : events.joined(separator: ",")
        return "\(webhook["id"]?.string ?? "")  \(state)  \(webhook["url"]?.string ?? "")  \(what)\(filter)"
    }

    private static let overlaps = Duration.zero ... .seconds(30 * 86_400)

    private static func rotate(_ context: CommandContext) async throws -> ExitCode {
        let id = try context.id(0, prefix: "wh_", hint: hint)
        let isPromotion = try context.arguments.flag("--promote")
        let overlap = try context.arguments.duration("--overlap", in: overlaps)
        let secret = context.arguments["--secret"]
        guard !isPromotion || overlap == nil && secret == nil else {
            throw ToolError(.usage, "--promote makes no secret: it takes neither --secret nor --overlap")
        }
        var body = JSONWriter()
        body.object { json in
            if let secret { json.member("secret", secret) }
            if let overlap { json.member("overlap_s", Int(overlap.components.seconds)) }
        }
        let request = body.bytes
        return try await context.withAPI { api in
            let answer = try await api.call(
                .post, api.access.feedURL + "\(path)/\(id)/\(isPromotion ? "promote" : "rotate")", request)
            if try context.printsJSON(answer) { return .done }
            for secret in answer["data"]?.elements ?? [] {
                let signs = (secret["signs"]?.elements ?? []).compactMap(\.string).joined(separator: ", ")
                let state = InstallationStatus.padded(secret["state"]?.string ?? "", 8)
                let end = secret["expires_at"]?.string.map { "  until \($0)" } ?? ""
                context.console.line("\(secret["id"]?.string ?? "")  \(state)  \(signs)\(end)")
            }
            if let secret = answer["secret"]?.string { context.console.line("secret  \(secret)") }
            return .done
        }
    }

    private static func health(_ context: CommandContext) async throws -> ExitCode {
        let id = try context.id(0, prefix: "wh_", hint: hint)
        return try await context.withAPI { api in
            let answer = try await api.call(.get, api.access.feedURL + "\(path)/\(id)/health", [])
            if try context.printsJSON(answer) { return .done }
            context.console.rows(HealthText.rows(answer))
            return .done
        }
    }
}

/// The health of an endpoint as a person reads it.
enum HealthText {
    static func rows(_ health: JSONValue) -> [(String, String?)] {
        let attempts = health["attempts"]
        let share = attempts?["success_rate"]?.number.map { "\(($0 * 1_000).rounded() / 10) %" }
        var rows: [(String, String?)] = [
            (
                "status",
                [health["status"]?.string, health["status_reason"]?.string].compactMap(\.self).joined(separator: ", ")
            ),
            ("successes", share.map { "\($0) of the last \(attempts?["count"]?.plain ?? "")" }),
            ("latency", latency(attempts)),
            ("in flight", health["in_flight"]?.plain), ("waiting", health["waiting"]?.plain),
            ("retrying", health["retrying"]?.plain), ("oldest", health["oldest_undelivered_at"]?.plain),
            ("breaker", breaker(health["breaker"])),
            ("failing", failing(health["failing"])),
            ("last success", health["last_success_at"]?.plain), ("last failure", health["last_failure_at"]?.plain),
        ]
        for error in health["errors"]?.elements ?? [] {
            let status = error["last_status"]?.plain.map { " (\($0))" } ?? ""
            rows.append(
                (
                    "error",
                    "\(error["class"]?.string ?? "")\(status), \(error["count"]?.plain ?? "") times, last \(error["last_at"]?.plain ?? "")"
                ))
        }
        for (name, key) in [("certificate", "client_certificate"), ("CA bundle", "ca_bundle")] {
            if let end = health[key]?["expires_at"]?.plain { rows.append((name, "until \(end)")) }
        }
        return rows
    }

    private static func latency(_ attempts: JSONValue?) -> String? {
        guard let middle = attempts?["p50_ms"]?.plain, let most = attempts?["p99_ms"]?.plain else { return nil }
        return "p50 \(middle) ms, p99 \(most) ms"
    }

    private static func breaker(_ breaker: JSONValue?) -> String? {
        guard let state = breaker?["state"]?.string else { return nil }
        let since = breaker?["since"]?.plain.map { " since \($0)" } ?? ""
        let probe = breaker?["next_probe_at"]?.plain.map { ", next probe \($0)" } ?? ""
        return state + since + probe
    }

    private static func failing(_ failing: JSONValue?) -> String? {
        guard let count = failing?["failures"]?.number, count > 0 else { return nil }
        return "\(failing?["failures"]?.plain ?? "") times since \(failing?["since"]?.plain ?? "the last success")"
    }
}

/// `fanfare webhook test`: asks for the test, then waits for the audit to tell of its one attempt.
enum WebhookTest {
    private static let patience = Duration.seconds(40)
    private static let longest = Duration.seconds(600)
    private static let interval = Duration.milliseconds(200)

    static func run(_ context: CommandContext) async throws -> ExitCode {
        let id = try context.id(0, prefix: "wh_", hint: WebhookCommands.hint)
        let limit = try context.arguments.duration("--patience", in: .zero...longest) ?? patience
        return try await context.withAPI { api in
            let asked = try await api.call(.post, api.access.feedURL + "\(WebhookCommands.path)/\(id)/test", [])
            guard let delivery = asked["delivery_id"]?.string else {
                throw ToolError(.remote, "the test was answered without a delivery")
            }
            if limit == .zero {
                if try !context.printsJSON(asked) { context.console.line("asked for \(delivery)") }
                return .done
            }
            let attempt = try await attempt(of: delivery, api, until: .now + limit, context.shutdown)
            if try !context.printsJSON(attempt) { context.console.line(text(attempt)) }
            return attempt["verdict"]?.string == "delivered" ? .done : .failed
        }
    }

    private static func attempt(
        of delivery: String, _ api: APIClient, until deadline: ContinuousClock.Instant, _ stop: ShutdownSignal
    ) async throws -> JSONValue {
        while ContinuousClock.now < deadline, !stop.isRequested {
            let query = QueryText().adding("delivery_id", delivery).adding("limit", "1")
            let found = try await api.call(.get, api.access.feedURL + "/v1/tenant/audit" + query.text, [])
            if let row = found["data"]?.elements.first { return row }
            try await Task.sleep(for: interval)
        }
        throw ToolError(
            stop.isRequested ? .interrupted : .remote,
            "no outcome yet; `fanfare trace` tells of the event later, `fanfare doctor` whether deliveries are sent at all"
        )
    }

    private static func text(_ attempt: JSONValue) -> String {
        let outcome = attempt["status"]?.plain ?? attempt["error_class"]?.plain ?? "?"
        let time = attempt["total_ms"]?.plain.map { " in \($0) ms" } ?? ""
        let head = attempt["response_head"]?.string.map { $0.isEmpty ? "" : "\n\($0)" } ?? ""
        return "\(attempt["verdict"]?.string ?? "?"): \(outcome)\(time)\(head)"
    }
}
