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

    func addRoutes(to table: inout RouteTable, hall: Hall) {
        let options = RouteOptions(
            maxBody: Self.maxBody,
            admit: { (head, parameters) throws(HTTPError) in
                guard let id = WorkspaceID(parameters["workspace_id"] ?? "") else { throw Self.unknownWorkspace }
                if case .none = hall.directory.workspace(id) { throw Self.unknownWorkspace }
                guard Self.isJSON(head.headers["Content-Type"]) else {
                    throw HTTPError(
                        status: 415, code: "unsupported_media_type", message: "this door takes application/json",
                        param: "Content-Type")
                }
            })
        table.add(
            .post, Self.path, options: options, .deferred { request, responder in open(request, responder, hall) })
    }

    static let unknownWorkspace = HTTPError.notFound("there is no workspace with this id")

    /// Senders write JSON's media type in many ways; none at all is fine, another type is not.
    static func isJSON(_ value: String?) -> Bool {
        guard let value, !value.isEmpty else { return true }
        let type = value.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        return type == "application/json" || type == "text/json" || type.hasSuffix("+json")
    }

    private func open(_ request: Request, _ responder: Responder, _ hall: Hall) {
        guard let id = WorkspaceID(request.parameter("workspace_id")) else {
            responder.respond(Self.unknownWorkspace)
            return
        }
        switch hall.directory.workspace(id) {
        case .found(let workspace):
            hall.conclude(judge(request, workspace, responder, hall), responder)
        case .none:
            responder.respond(Self.unknownWorkspace)
        case .unknown:
            hall.later(responder) {
                switch await hall.directory.lookUp(workspace: id) {
                case .found(let workspace):
                    hall.conclude(judge(request, workspace, responder, hall), responder)
                    hall.flush()
                case .none: responder.respond(Self.unknownWorkspace)
                case .unknown: responder.respond(Unavailable.directory)
                }
            }
        }
    }

    private func judge(
        _ request: Request, _ workspace: WorkspaceDoor, _ responder: Responder, _ hall: Hall
    ) -> DoorVerdict {
        let now = hall.clock.now()
        if let refusal = Self.refusal(request, workspace, at: now) { return .refuse(refusal) }
        if let rate = workspace.ratePerSecond,
            let wait = rates.take(workspace.id, rate: rate, at: now)
        {
            return .refuse(
                HTTPError(
                    status: 429, code: "rate_limited", message: "this workspace takes \(rate) requests a second",
                    headers: [HTTPField("Retry-After", "\(wait)")]))
        }
        do {
            let hook = try GenericHook(request: request, workspace: workspace, receivedAt: now)
            let key = hook.dedupeKey.map {
                Hall.dedupeKey(
                    DedupeKey.material(
                        tenant: workspace.tenant, door: "generic", key: "\(workspace.id)\n\($0)", index: nil))
            }
            let id = hall.id(key: key, at: now)
            let envelope = EnvelopeWriter.write(
                id: id, type: hook.type, createdAt: now, tenant: workspace.tenant, smith: nil, data: hook.data)
            let event = NewEvent(
                id: id, tenant: workspace.tenant, type: hook.type.text, smithID: nil, createdAt: now,
                dedupeKey: key?.bytes, envelope: envelope)
            return .accept(
                Submission(events: [event], responder: responder) { _ in Self.accepted })
        } catch {
            return .refuse(error)
        }
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
