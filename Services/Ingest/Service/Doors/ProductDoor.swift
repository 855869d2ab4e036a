internal import Backbone
internal import EventCodec
public import EventModel
internal import HTTPServer
public import Inbound

/// Seed 4's `POST /api/events/ingest`: AgentGate, FormBridge and anybody else, in the seed's form and in those that both
/// products really send (`contracts.md` §10).
///
/// The path with a workspace's id says whose events they are; the bare one belongs to the tenant that the settings name for
/// the source, or to the only one there is.
struct ProductDoor: Door {
    static let paths = ["/api/events/ingest", "/api/events/ingest/{workspace_id}"]
    /// The largest body, in bytes.
    static let maxBody = 1 << 20

    let tenants: ProductTenants
    let book: IntegrationBook
    let gate: InboundGate

    /// `{"error": "…", "status": 400}`, as the seed has it.
    static let form = ErrorForm { error in
        var json = JSONWriter()
        json.object { json in
            json.member("error", error.message)
            json.member("status", error.status)
        }
        return .json(error.status, json.bytes, headers: error.headers)
    }

    func addRoutes(to table: inout RouteTable, hall: Hall) {
        let options = RouteOptions(
            maxBody: Self.maxBody, errorForm: Self.form,
            admit: { (head, parameters) throws(HTTPError) in
                guard let error = Self.objection(to: head, parameters, hall) else { return }
                record(error, head, nil)
                throw error
            })
        // Other methods have a route too, so that they are refused in the seed's form and leave a row.
        let others = RouteOptions(
            errorForm: Self.form,
            admit: { (head, _) throws(HTTPError) in
                guard head.method != .options else { return }
                let error = HTTPError.methodNotAllowed(allowed: [.post, .options])
                record(error, head, nil)
                throw error
            })
        for path in Self.paths {
            table.add(
                .post, path, options: options, .deferred { request, responder in open(request, responder, hall) })
            table.add(
                nil, path, options: others,
                .immediate { _ in Response(status: 204, headers: [HTTPField("Allow", "POST, OPTIONS")]) })
        }
    }

    /// What is wrong with a request before its body is read.
    private static func objection(to head: RequestHead, _ parameters: PathParameters, _ hall: Hall) -> HTTPError? {
        if let text = parameters["workspace_id"] {
            guard let id = WorkspaceID(text) else { return GenericDoor.unknownWorkspace }
            if case .none = hall.directory.workspace(id) { return GenericDoor.unknownWorkspace }
        }
        guard GenericDoor.isJSON(head.headers["Content-Type"]) else {
            return .unsupportedMediaType("this door takes application/json")
        }
        if let coding = head.headers["Content-Encoding"], coding.lowercased() != "identity" {
            return .unsupportedMediaType("compressed bodies are not taken")
        }
        return nil
    }

    private func record(_ error: HTTPError, _ head: RequestHead, _ body: [UInt8]?) {
        gate.finish(
            gate.entry(head, .none, channel: "generic", body: body), .refused, status: error.status, reason: error.code)
    }

    private func open(_ request: Request, _ responder: Responder, _ hall: Hall) {
        guard let text = request.match?.parameters["workspace_id"] else {
            return take(request, nil, responder, hall)
        }
        guard let id = WorkspaceID(text) else { return refuse(GenericDoor.unknownWorkspace, request, responder) }
        switch hall.directory.workspace(id) {
        case .found(let workspace): take(request, workspace.tenant, responder, hall)
        case .none: refuse(GenericDoor.unknownWorkspace, request, responder)
        case .unknown:
            hall.later(responder) {
                switch await hall.directory.lookUp(workspace: id) {
                case .found(let workspace):
                    take(request, workspace.tenant, responder, hall)
                    hall.flush()
                case .none: refuse(GenericDoor.unknownWorkspace, request, responder)
                case .unknown: refuse(Unavailable.directory, request, responder)
                }
            }
        }
    }

    private func refuse(_ error: HTTPError, _ request: Request, _ responder: Responder) {
        record(error, request.head, request.body)
        responder.respond(Self.form.render(error))
    }

    /// - Parameter owner: Whose workspace the path names; nil on the bare path.
    private func take(_ request: Request, _ owner: TenantID?, _ responder: Responder, _ hall: Hall) {
        var entry = gate.entry(request.head, .none, channel: "generic", body: request.body)
        entry.record.tenant = owner
        do throws(InboundGate.Refusal) {
            let message = try read(request)
            entry.record.channel = message.source.rawValue
            let tenant = try tenant(of: message.source, owner, hall)
            entry.record.tenant = tenant
            entry.record.integration = try verify(request, message.source, tenant, hall)
            let now = hall.clock.now()
            submit(try event(message, at: now, hall), tenant, at: now, entry, responder, hall)
        } catch {
            gate.finish(entry, .refused, status: error.error.status, reason: error.reason)
            responder.respond(Self.form.render(error.error))
        }
    }

    private func read(_ request: Request) throws(InboundGate.Refusal) -> ProductMessage {
        do throws(ProductRefusal) {
            return try ProductMessage(body: request.body, hasHeader: request.headers.contains)
        } catch {
            throw InboundGate.Refusal(error)
        }
    }

    private func tenant(
        of source: ProductSource, _ owner: TenantID?, _ hall: Hall
    ) throws(InboundGate.Refusal) -> TenantID {
        if let owner { return owner }
        let configured = tenants[source]
        if let configured, hall.directory.hasTenant(configured) { return configured }
        guard configured == nil, let only = hall.directory.onlyTenant else {
            throw InboundGate.Refusal(
                error: HTTPError(
                    status: 500, code: "no_tenant", message: "No tenant configured for source: \(source.rawValue)"),
                reason: "no_tenant")
        }
        return only
    }

    /// - Returns: the id of the integration whose secret the request was signed with; nil for a source that does not sign.
    private func verify(
        _ request: Request, _ source: ProductSource, _ tenant: TenantID, _ hall: Hall
    ) throws(InboundGate.Refusal) -> String? {
        guard let channel = source.channel else { return nil }
        let lookups = book.products(of: tenant, channel, now: hall.clock.now())
        guard !lookups.isEmpty else { throw InboundGate.Refusal(.noSecret(source)) }
        var refusal = InboundGate.Refusal(.badSignature)
        for lookup in lookups {
            guard case .found(let endpoint) = lookup else {
                // It may be the one that this request is for: the sender has done nothing wrong.
                refusal = InboundGate.Refusal(error: Unavailable.secrets, reason: "secrets_unreadable")
                continue
            }
            do throws(InboundGate.Refusal) {
                if let refusal = gate.check(request.head, lookup) { throw refusal }
                _ = try gate.open(request, endpoint)
                return endpoint.id
            } catch {
                // Which of several integrations it is for shows in the signature alone: what one of them says of addresses
                // and rates concerns the sender only if no other takes the request.
                if error.error.status != 401, refusal.error.status == 401 { refusal = error }
            }
        }
        throw refusal
    }

    private func event(
        _ message: ProductMessage, at now: Timestamp, _ hall: Hall
    ) throws(InboundGate.Refusal) -> ProductEvent {
        do throws(ProductRefusal) {
            return try message.event(at: now) { "unlinked_\(hall.id(key: nil, at: now).ulid)" }
        } catch {
            throw InboundGate.Refusal(error)
        }
    }

    private func submit(
        _ made: ProductEvent, _ tenant: TenantID, at now: Timestamp, _ entry: InboundGate.Entry,
        _ responder: Responder, _ hall: Hall
    ) {
        var entry = entry
        // The seed knows no key: every request is an event of its own.
        let event = hall.newEvent(made.type, tenant: tenant, key: nil, at: now, data: made.data)
        entry.record.event = event.id
        entry.record.type = event.type
        let answer = Self.answer(event, made)
        let submission = gate.submission([event], entry, status: answer.status, responder, form: Self.form) { _ in
            answer
        }
        hall.conclude(.accept(submission), responder, form: Self.form)
    }

    private static func answer(_ event: NewEvent, _ made: ProductEvent) -> Response {
        var json = JSONWriter(capacity: 160)
        json.object { json in
            json.member("ok", true)
            json.member("eventId", event.id)
            json.member("eventType", event.type)
            json.member("sessionId", made.session)
        }
        return .json(201, json.bytes)
    }
}

/// Whose events come in at the bare path of seed 4's door.
public struct ProductTenants: Sendable, Hashable {
    private var tenants: [ProductSource: TenantID]

    public init(_ tenants: [ProductSource: TenantID] = [:]) {
        self.tenants = tenants
    }

    subscript(source: ProductSource) -> TenantID? { tenants[source] }
}

extension InboundGate.Refusal {
    init(_ refusal: ProductRefusal) {
        self.init(
            error: HTTPError(status: refusal.status, code: refusal.reason.rawValue, message: refusal.message),
            reason: refusal.reason.rawValue)
    }
}
