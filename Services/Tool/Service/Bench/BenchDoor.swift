internal import Crypto
internal import Egress
internal import EventCodec

/// Which entrance a measurement goes through.
enum BenchDoor: String, CaseIterable, Hashable, Sendable {
    /// `POST /v1/events` with a token.
    case publish
    /// `/v1/webhook/github/{id}`: a push as GitHub signs it.
    case github

    /// The type of the events that come out.
    var eventType: String {
        switch self {
        case .publish: BenchPlan.type
        case .github: "github.push"
        }
    }

    /// What a body begins with, up to the id.
    var bodyStart: String {
        switch self {
        case .publish: #"{"type":"\#(BenchPlan.type)","data":{"bench_id":"#
        case .github: #"{"ref":"refs/heads/main","repository":{"id":1,"bench_id":"#
        }
    }
}

/// Where publications go, and what each is signed with.
struct BenchTarget: Sendable {
    let url: TargetURL
    let headers: HeaderBlock
    /// Nil: what is sent needs no signature of its own.
    var key: HMACKey?

    /// The headers of one publication.
    func headers(id: Int, body: [UInt8]) -> HeaderBlock {
        guard let key else { return headers }
        var headers = headers
        headers.append("X-GitHub-Delivery") { $0.append(contentsOf: "bench-\(id)".utf8) }
        headers.append("X-Hub-Signature-256") { value in
            value.append(contentsOf: "sha256=".utf8)
            key.authenticationCode(for: body).appendHex(to: &value)
        }
        return headers
    }
}

/// An integration that exists for one measurement.
struct BenchIntegration: Sendable {
    let id: String
    let target: BenchTarget

    /// Makes it, and returns when its door is open: ingest hears of it a moment after the answer.
    static func make(_ api: APIClient) async throws -> BenchIntegration {
        let url = "\(api.access.feedURL)/v1/tenant/integrations"
        let made = try await api.call(.post, url, Array(#"{"channel":"github","name":"fanfare bench"}"#.utf8))
        guard let id = made["id"]?.string, let path = made["path"]?.string,
            case .array(let secrets)? = made["secrets"]?["webhook_secrets"], let secret = secrets.first?.string
        else { throw ToolError(.remote, "an integration was made without an id, a path or a secret") }
        var headers = HeaderBlock()
        headers.append("Content-Type", "application/json")
        headers.append("User-Agent", "GitHub-Hookshot/bench")
        headers.append("X-GitHub-Event", "push")
        headers.append("X-GitHub-Hook-ID", "1")
        let target = BenchTarget(
            url: try WebClient.target("\(api.access.ingestURL)\(path)"), headers: headers,
            key: HMACKey(Array(secret.utf8)))
        return BenchIntegration(id: id, target: target)
    }

    func delete(_ api: APIClient) async throws(ToolError) {
        _ = try await api.call(.delete, "\(api.access.feedURL)/v1/tenant/integrations/\(id)", [])
    }
}
