internal import Egress
internal import EventCodec
internal import EventModel

/// Where an installation's API is, and as whom the tool talks to it.
struct APIAccess: Sendable, Hashable {
    var ingestURL: String
    var feedURL: String
    var token: String
    /// It was found in a folder of this machine.
    var isLocal: Bool

    /// What `--url` and `--token`, then `FANFARE_URL` and `FANFARE_TOKEN`, then the installation's folder say.
    static func find(_ context: CommandContext) throws(ToolError) -> APIAccess {
        let url = context.arguments["--url"] ?? context.environment["FANFARE_URL"].flatMap { $0.isEmpty ? nil : $0 }
        let token =
            context.arguments["--token"] ?? context.environment["FANFARE_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        if var url {
            guard let token else { throw ToolError(.usage, "\(url) needs a token: --token, or FANFARE_TOKEN") }
            while url.hasSuffix("/") { url.removeLast() }
            return APIAccess(ingestURL: url, feedURL: url, token: token, isLocal: false)
        }
        let folder = context.folder
        guard let options = try InstallationOptions.read(folder), let access = try InstallationAccess.read(folder)
        else {
            throw ToolError(
                .notRunning,
                "there is no installation in \(folder.path): start one with `fanfare up --detach`, or name another with --dir or --url"
            )
        }
        return APIAccess(
            ingestURL: options.ingestURL, feedURL: options.feedURL, token: token ?? access.token, isLocal: true)
    }
}

/// The API as the tool uses it.
struct APIClient: Sendable {
    let access: APIAccess
    let http: WebClient

    func headers(contentType: String? = nil) -> HeaderBlock {
        var headers = HeaderBlock()
        headers.append("Authorization", "Bearer \(access.token)")
        if let contentType { headers.append("Content-Type", contentType) }
        return headers
    }

    /// Publishes one event.
    func publish(
        _ type: String, data: [UInt8], smith: String? = nil, key: String? = nil
    ) async throws(ToolError) -> (id: String, isDuplicate: Bool) {
        let body = Self.event(type, data: data, smith: smith, key: key)
        let answer = try await call(.post, access.ingestURL + "/v1/events", body)
        guard let id = answer["id"]?.string else {
            throw ToolError(.remote, "an answer to a publication without an id")
        }
        return (id, answer["duplicate"]?.bool ?? false)
    }

    static func event(_ type: String, data: [UInt8], smith: String?, key: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object {
            $0.member("type", type)
            $0.member("data", raw: data)
            if let smith { $0.member("smith_id", smith) }
            if let key { $0.member("idempotency_key", key) }
        }
        return writer.bytes
    }

    struct Webhook: Sendable {
        var id: String
        var secret: String
    }

    func createWebhook(url: String, events: [String], description: String) async throws(ToolError) -> Webhook {
        var writer = JSONWriter()
        writer.object {
            $0.member("url", url)
            $0.member("events", events)
            $0.member("description", description)
        }
        let answer = try await call(.post, access.feedURL + "/v1/tenant/webhooks", writer.bytes)
        guard let id = answer["id"]?.string, let secret = answer["secret"]?.string else {
            throw ToolError(.remote, "a webhook was made without an id or a secret")
        }
        return Webhook(id: id, secret: secret)
    }

    func deleteWebhook(_ id: String) async throws(ToolError) {
        _ = try await call(.delete, access.feedURL + "/v1/tenant/webhooks/\(id)", [])
    }

    /// - Throws: `remote` with the error of the answer, where it is one.
    func call(
        _ method: Exchange.Method, _ url: String, _ body: [UInt8], contentType: String = "application/json"
    ) async throws(ToolError) -> JSONValue {
        let answer: WebAnswer
        do {
            answer = try await http.send(
                method, url, headers: headers(contentType: body.isEmpty ? nil : contentType), body: body)
        } catch {
            throw explained(error)
        }
        guard answer.isSuccess else { throw Self.failure(url, answer.status, answer.body) }
        guard !answer.body.isEmpty else { return .null }
        do {
            return try JSONValue(parsing: answer.body, limits: JSONLimits(depth: 64))
        } catch {
            throw ToolError(.remote, "\(url) answered \(answer.status) with something that is not JSON")
        }
    }

    /// An installation of this machine that does not answer is one that does not run.
    func explained(_ error: ToolError) -> ToolError {
        guard access.isLocal, error.code == .remote else { return error }
        return ToolError(.notRunning, "\(error.message). `fanfare up --detach` starts what is not running")
    }

    /// The error that an answer tells of.
    static func failure(_ url: String, _ status: Int, _ body: [UInt8]) -> ToolError {
        let error = (try? JSONValue(parsing: body))?["error"]
        let message = error?["message"]?.string ?? error?.string
        let param = error?["param"]?.string.map { " (\($0))" } ?? ""
        let hint = status == 401 ? "; is the token of this installation?" : ""
        return ToolError(.remote, "\(url) answered \(status)\(message.map { ": \($0)" } ?? "")\(param)\(hint)")
    }
}
