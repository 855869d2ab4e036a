internal import Backbone
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound

/// Seed 3's `POST /api/v1/webhooks/generic/{workspace_id}`: any JSON object, stored unchanged, answered
/// `202 {"accepted": true}` once it is durable (`contracts.md` §8). The workspace's id is the only secret.
struct GenericDoor: Door {
    static let path = "/api/v1/webhooks/generic/{workspace_id}"
    /// The largest body, in bytes.
    static let maxBody = 1 << 20
    private let rates = RateLimits<WorkspaceID>()
    private let gate: InboundGate

    init(gate: InboundGate) {
        self.gate = gate
    }

    func addRoutes(to table: inout RouteTable, hall: Hall) {
        var options = RouteOptions(
            maxBody: Self.maxBody,
            admit: { (head, parameters) throws(HTTPError) in
                let (workspace, refusal) = Self.admit(head, parameters, hall)
                guard let refusal else { return }
                finish(entry(head, workspace, body: nil), refusal)
                throw refusal
            })
        options.refused = { head, parameters, status in
            let (workspace, _) = Self.admit(head, parameters, hall)
            let reason = InboundGate.reason(status: status)
            gate.finish(entry(head, workspace, body: nil), .refused, status: status, reason: reason)
        }
        table.add(
            .post, Self.path, options: options, .deferred { request, responder in open(request, responder, hall) })
    }

    static let unknownWorkspace = HTTPError.notFound("there is no workspace with this id")

    private static func admit(
        _ head: RequestHead, _ parameters: PathParameters, _ hall: Hall
    ) -> (WorkspaceDoor?, HTTPError?) {
        guard let id = WorkspaceID(parameters["workspace_id"] ?? "") else { return (nil, unknownWorkspace) }
        var workspace: WorkspaceDoor?
        switch hall.directory.workspace(id) {
        case .none: return (nil, unknownWorkspace)
        case .found(let found): workspace = found
        case .unknown: break
        }
        guard isJSON(head.headers["Content-Type"]) else {
            return (
                workspace,
                HTTPError(
                    status: 415, code: "unsupported_media_type", message: "this door takes application/json",
                    param: "Content-Type")
            )
        }
        return (workspace, nil)
    }

    private func entry(_ head: RequestHead, _ workspace: WorkspaceDoor?, body: [UInt8]?) -> InboundGate.Entry {
        var entry = gate.entry(head, .none, channel: "generic", body: body)
        entry.record.tenant = workspace?.tenant
        entry.record.integration = workspace?.id.description
        return entry
    }

    private func finish(_ entry: InboundGate.Entry, _ error: HTTPError) {
        gate.finish(entry, .refused, status: error.status, reason: error.code)
    }

    /// Answers a request that leads to no workspace.
    private func refuse(_ request: Request, _ responder: Responder, _ error: HTTPError) {
        finish(entry(request.head, nil, body: request.body), error)
        responder.respond(error)
    }

    /// Senders write JSON's media type in many ways; none at all is fine, another type is not.
    static func isJSON(_ value: String?) -> Bool {
        guard let value, !value.isEmpty else { return true }
        let type = value.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        return type == "application/json" || type == "text/json" || type.hasSuffix("+json")
    }

    private func open(_ request: Request, _ responder: Responder, _ hall: Hall) {
        guard let id = WorkspaceID(request.parameter("workspace_id")) else {
            refuse(request, responder, Self.unknownWorkspace)
            return
        }
        switch hall.directory.workspace(id) {
        case .found(let workspace):
            hall.conclude(judge(request, workspace, responder, hall), responder)
        case .none:
            refuse(request, responder, Self.unknownWorkspace)
        case .unknown:
            hall.later(responder) {
                switch await hall.directory.lookUp(workspace: id) {
                case .found(let workspace):
                    hall.conclude(judge(request, workspace, responder, hall), responder)
                    hall.flush()
                case .none: refuse(request, responder, Self.unknownWorkspace)
                case .unknown: refuse(request, responder, Unavailable.directory)
                }
            }
        }
    }

    private func judge(
        _ request: Request, _ workspace: WorkspaceDoor, _ responder: Responder, _ hall: Hall
    ) -> DoorVerdict {
        var entry = entry(request.head, workspace, body: request.body)
        do throws(HTTPError) {
            let event = try accept(request, workspace, hall, &entry)
            let final = entry
            return .accept(
                gate.submission([event], final, status: Self.accepted.status, responder) { _ in Self.accepted })
        } catch {
            finish(entry, error)
            return .refuse(error)
        }
    }

    private func accept(
        _ request: Request, _ workspace: WorkspaceDoor, _ hall: Hall, _ entry: inout InboundGate.Entry
    ) throws(HTTPError) -> NewEvent {
        let now = hall.clock.now()
        if let refusal = Self.refusal(request, workspace, at: now) { throw refusal }
        if let rate = workspace.ratePerSecond, let wait = rates.take(workspace.id, rate: rate, at: now) {
            throw .tooManyRequests(retryAfterSeconds: wait, "this workspace takes \(rate) requests a second")
        }
        let hook = try GenericHook(request: request, workspace: workspace, receivedAt: now)
        let key = hook.dedupeKey.map {
            Hall.dedupeKey(
                DedupeKey.material(
                    tenant: workspace.tenant, door: "generic", key: "\(workspace.id)\n\($0)", index: nil))
        }
        let event = hall.newEvent(hook.type, tenant: workspace.tenant, key: key, at: now, data: hook.data)
        entry.record.dedupeKey = hook.dedupeKey
        entry.record.event = event.id
        entry.record.type = event.type
        return event
    }

    /// Before the rate: who may not come in must not use up the allowance of those who may.
    private static func refusal(_ request: Request, _ workspace: WorkspaceDoor, at now: Timestamp) -> HTTPError? {
        guard workspace.requirement != .none else { return nil }
        guard let secrets = workspace.secrets else { return Unavailable.secrets }
        let inbound = InboundRequest(method: .post, headers: request.headers, body: request.body)
        do throws(InboundRefusal) {
            switch workspace.requirement {
            case .none: break
            case .secret: try SenderProof.checkSecret(inbound, secrets: secrets, now: now)
            case .signature: try SenderProof.checkSignature(inbound, secrets: secrets, now: now)
            }
            return nil
        } catch {
            return HTTPError(
                status: 401, code: error.reason.rawValue,
                message: "this workspace takes requests from known senders only")
        }
    }

    private static let accepted = Response.json(202, Array(#"{"accepted":true}"#.utf8))
}
