internal import Egress
internal import EventCodec
internal import EventModel
internal import ServiceKit

/// `fanfare job …`: bulk work, by the API.
enum JobCommands {
    static let path = "/v1/tenant/jobs"
    static let hint = "`fanfare job list` shows them"
    static let actions = ["replay", "redrive", "discard", "resend"]

    static let start = Command(
        CommandSpec(
            name: "job start", summary: "sends again, or throws away, what lies in a stretch of time",
            positionals: [.init(name: "ACTION", help: "replay, resend, redrive or discard; see below")],
            options: [
                .init("--webhook", "ID", "the webhook that it is for"),
                .init("--from", "TIME", "2026-01-31T12:00:00Z, or 15m, 2h, 1d ago"), .init("--to", "TIME", "the same"),
                .init("--type", "TYPE", "only this event type or family", isRepeatable: true),
                .init("--smith", "ID", "only events of this smith"),
                .init("--error", "CLASS", "dead letters of this class only, such as http_5xx"),
                .init("--rate", "N", "events a second at most"),
                .init("--reason", "TEXT", "why they are thrown away; stays in the audit"),
                .init("--dry-run", nil, "only says how many it would be"),
                .init("--watch", nil, "shows how it gets on, to its end"), .json,
            ] + .remote,
            details: """
                replay    events of the feed, delivered or not, also to a webhook made a minute ago
                resend    events that the webhook has not acknowledged (see GET …/undelivered)
                redrive   dead letters, with a fresh schedule
                discard   dead letters, for good
                """)
    ) { try await start($0) }

    static let list = Command(
        CommandSpec(name: "job list", summary: "lists the jobs, newest first", options: [.json] + .remote)
    ) { try await list($0) }

    static let watch = Command(
        CommandSpec(
            name: "job watch", summary: "shows how a job gets on, to its end",
            positionals: [.init(name: "ID", help: hint)], options: [.json] + .remote,
            details:
                "Ctrl-C ends the watching, not the job. Exit code 0 when the job was done, 1 when it failed or was cancelled."
        )
    ) { context in
        let id = try context.id(0, prefix: "job_", hint: hint)
        return try await context.withAPI { try await JobWatch(api: $0, context: context).follow(id) }
    }

    static let cancel = Command(
        CommandSpec(
            name: "job cancel", summary: "ends a job; what it has sent stays sent",
            positionals: [.init(name: "ID", help: hint)], options: [.json] + .remote)
    ) { try await cancel($0) }

    // MARK: -

    private static func start(_ context: CommandContext) async throws -> ExitCode {
        let request = try request(context.arguments, now: SystemClock().now())
        let isDry = try context.arguments.flag("--dry-run")
        let isWatched = try context.arguments.flag("--watch")
        return try await context.withAPI { api in
            let job = try await api.call(.post, api.access.feedURL + path, request)
            if isDry {
                if try !context.printsJSON(job) {
                    context.console.line(
                        "\(JobText.count(job) ?? "an unknown number") would be affected; nothing was done")
                }
                return .done
            }
            guard let id = job["id"]?.string else { throw ToolError(.remote, "a job was made without an id") }
            if isWatched { return try await JobWatch(api: api, context: context).follow(id) }
            if try !context.printsJSON(job) { context.console.line(JobText.line(job)) }
            return .done
        }
    }

    /// The body of the request.
    static func request(_ arguments: Arguments, now: Timestamp) throws(ToolError) -> [UInt8] {
        let action = arguments.positional(0) ?? ""
        guard actions.contains(action) else {
            throw ToolError(.usage, "\(action) is no action; there are: \(actions.joined(separator: ", "))")
        }
        var body = JSONWriter()
        body.beginObject()
        body.member("action", action)
        if let webhook = arguments["--webhook"] { body.member("webhook_id", webhook) }
        if let from = arguments["--from"] { body.member("from", try TailCommand.time(from, now: now)) }
        if let to = arguments["--to"] { body.member("to", try TailCommand.time(to, now: now)) }
        let types = arguments.all("--type")
        if !types.isEmpty { body.member("types", types) }
        if let smith = arguments["--smith"] { body.member("smith_id", smith) }
        if let error = arguments["--error"] { body.member("error_class", error) }
        if let rate = try arguments.int("--rate", in: 1...1_000_000) { body.member("rate_per_s", rate) }
        if let reason = arguments["--reason"] { body.member("reason", reason) }
        if try arguments.flag("--dry-run") { body.member("dry_run", true) }
        body.endObject()
        return body.bytes
    }

    private static func list(_ context: CommandContext) async throws -> ExitCode {
        let isJSON = try context.arguments.flag("--json")
        return try await context.withAPI { api in
            try await api.forEach(path) { job in
                context.console.line(isJSON ? String(decoding: job.bytes, as: UTF8.self) : JobText.line(job))
            }
            return .done
        }
    }

    private static func cancel(_ context: CommandContext) async throws -> ExitCode {
        let id = try context.id(0, prefix: "job_", hint: hint)
        return try await context.withAPI { api in
            let job = try await api.call(.post, api.access.feedURL + "\(path)/\(id)/cancel", [])
            if try !context.printsJSON(job) { context.console.line(JobText.line(job)) }
            return .done
        }
    }
}

/// Jobs as a person reads them.
enum JobText {
    static func hasEnded(_ job: JSONValue) -> Bool { job["state"]?.string != "running" }
    static func isGood(_ job: JSONValue) -> Bool { job["state"]?.string == "done" }

    /// How many it is about; nil where that is not known.
    static func count(_ job: JSONValue) -> String? {
        job["matched"]?.plain.map { job["exact"]?.bool == false ? "about \($0)" : $0 }
    }

    /// How far it has got, from 0 to 1; nil where that is not known.
    static func share(_ job: JSONValue) -> Double? {
        if isGood(job) { return 1 }
        return job["progress"]?.number.map { min(1, max(0, $0)) }
    }

    static func line(_ job: JSONValue) -> String {
        [job["id"]?.string ?? "", InstallationStatus.padded(job["action"]?.string ?? "", 7), progress(job)]
            .joined(separator: "  ")
    }

    /// State and numbers.
    static func progress(_ job: JSONValue) -> String {
        var parts = [InstallationStatus.padded(job["state"]?.string ?? "?", 9)]
        if let share = share(job) { parts.append(percent(share)) }
        if let count = count(job) { parts.append("of \(count)") }
        for key in ["sent", "delivered", "retrying", "failed", "discarded"] {
            if let number = job[key]?.number, number > 0 { parts.append("\(job[key]?.plain ?? "0") \(key)") }
        }
        if let rate = job["rate"]?.number, rate > 0, !hasEnded(job) { parts.append("\((rate * 10).rounded() / 10)/s") }
        return parts.joined(separator: "  ")
    }

    private static func percent(_ share: Double) -> String {
        let text = "\(Int(share * 100))"
        return String(repeating: " ", count: max(0, 3 - text.count)) + text + " %"
    }

    /// `[######··········]`
    static func bar(_ share: Double?, width: Int = 30) -> String {
        let filled = Int((share ?? 0) * Double(width))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "·", count: width - filled) + "]"
    }
}

/// Looks at a job again and again: a bar that moves on a terminal, else a line when something has changed.
struct JobWatch: Sendable {
    let api: APIClient
    let context: CommandContext

    private static let interval = Duration.milliseconds(500)
    /// Between two lines where nobody looks at a terminal.
    private static let lineInterval = Duration.seconds(5)

    func follow(_ id: String) async throws -> ExitCode {
        let isJSON = try context.arguments.flag("--json")
        let isMoving = context.console.isTerminal && !isJSON
        var told = ""
        var next = ContinuousClock.now
        while true {
            let job = try await api.call(.get, api.access.feedURL + "\(JobCommands.path)/\(id)", [])
            let hasEnded = JobText.hasEnded(job)
            if isMoving {
                // Back to the start of the line, and away with what was longer.
                context.console.text("\r\(JobText.bar(JobText.share(job))) \(JobText.progress(job))\u{1B}[K")
                if hasEnded { context.console.line() }
            } else {
                let text = isJSON ? String(decoding: job.bytes, as: UTF8.self) : JobText.line(job)
                if hasEnded || text != told && ContinuousClock.now >= next {
                    guard context.console.line(text) else { return .done }
                    told = text
                    next = .now + Self.lineInterval
                }
            }
            if hasEnded { return JobText.isGood(job) ? .done : .failed }
            if context.shutdown.isRequested {
                if isMoving { context.console.line() }
                context.console.progress("the job goes on; `fanfare job watch \(id)` shows it again")
                return .done
            }
            try await Task.sleep(for: Self.interval)
        }
    }
}
