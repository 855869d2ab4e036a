internal import EventCodec

/// The API of an installation, as a tenant's administrator uses it.
extension Installation {
    /// A request with the tenant's token. `target` is path and query; `/v1/events` with POST and `/api/…` go to ingest,
    /// everything else to the feed.
    public func request(
        _ method: String = "GET", _ target: String, _ json: String? = nil, headers: [(String, String)] = [],
        within limit: Duration = .seconds(10)
    ) async throws -> TestAnswer {
        let isPublication = method == "POST" && target.hasPrefix("/v1/events") && !target.contains("/resend")
        let isIngest = isPublication || target.hasPrefix("/api/") || target.hasPrefix("/v1/ingest/")
        var fields = [("Authorization", "Bearer \(status.token)")] + headers
        if json != nil { fields.append(("Content-Type", "application/json")) }
        return try await TestHTTP.request(
            method, port: isIngest ? status.ingestPort : status.feedPort, target, headers: fields,
            body: json.map { Array($0.utf8) }, within: limit)
    }

    /// Publishes an event and returns its id.
    ///
    /// - Parameter data: JSON.
    public func publish(_ type: String, _ data: String = "{}", key: String? = nil) async throws -> String {
        var writer = JSONWriter()
        writer.object {
            $0.member("type", type)
            $0.member("data", raw: Array(data.utf8))
            if let key { $0.member("idempotency_key", key) }
        }
        let answer = try await request("POST", "/v1/events", String(decoding: writer.bytes, as: UTF8.self))
        guard answer.status == 202, case .string(let id)? = try JSONValue(parsing: answer.body)["id"] else {
            throw SpawnError("publishing \(type): \(answer.status) \(answer.text)")
        }
        return id
    }

    /// Registers a webhook.
    ///
    /// - Parameter members: more members of the request's JSON object, such as `"schedule":[0,1]`.
    public func createWebhook(
        _ url: String, events: [String] = [], _ members: String = ""
    ) async throws -> (id: String, secret: String) {
        let types = events.map { "\"\($0)\"" }.joined(separator: ",")
        let more = members.isEmpty ? "" : ",\(members)"
        let answer = try await request(
            "POST", "/v1/tenant/webhooks", #"{"url":"\#(url)","events":[\#(types)]\#(more)}"#)
        let value = answer.status == 201 ? try JSONValue(parsing: answer.body) : .null
        guard case .string(let id)? = value["id"], case .string(let secret)? = value["secret"] else {
            throw SpawnError("creating a webhook: \(answer.status) \(answer.text)")
        }
        return (id, secret)
    }
}
