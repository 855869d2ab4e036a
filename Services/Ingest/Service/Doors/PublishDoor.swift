internal import Backbone
internal import EventCodec
internal import EventModel
internal import HTTPServer

/// `POST /v1/events` and its alias `POST /v1/ingest/events`: a tenant's own publishers (`contracts.md` §4).
struct PublishDoor: Door {
    static let paths = ["/v1/events", "/v1/ingest/events"]
    private let parser = PublishParser()

    func addRoutes(to table: inout RouteTable, hall: Hall) {
        // Who has no token at all learns so before the body is read.
        let options = RouteOptions(
            maxBody: parser.limits.bodyBytes, contentTypes: ["application/json", "application/x-ndjson"],
            admit: { (head, _) throws(HTTPError) in
                guard let token = BearerToken.read(head.headers) else { throw .unauthorized() }
                if case .none = hall.directory.principal(token: token) { throw .unauthorized() }
            })
        for path in Self.paths {
            table.add(
                .post, path, options: options, .deferred { request, responder in open(request, responder, hall) })
        }
    }

    private func open(_ request: Request, _ responder: Responder, _ hall: Hall) {
        guard let token = BearerToken.read(request.headers) else {
            responder.respond(HTTPError.unauthorized())
            return
        }
        switch hall.directory.principal(token: token) {
        case .found(let principal):
            hall.conclude(judge(request, principal, responder, hall), responder)
        case .none:
            responder.respond(HTTPError.unauthorized())
        case .unknown:
            hall.later(responder) {
                switch await hall.directory.lookUp(token: token) {
                case .found(let principal):
                    hall.conclude(judge(request, principal, responder, hall), responder)
                    hall.flush()
                case .none: responder.respond(HTTPError.unauthorized())
                case .unknown: responder.respond(Unavailable.directory)
                }
            }
        }
    }

    private func judge(_ request: Request, _ principal: Principal, _ responder: Responder, _ hall: Hall) -> DoorVerdict
    {
        guard principal.mayWriteEvents, let tenant = principal.tenant else {
            return .refuse(.forbidden("this token may not publish events: it needs the scope events:write"))
        }
        let now = hall.clock.now()
        let body: PublishedBody
        do {
            body = try parser.parse(
                request.body, format: Self.format(request), headerKey: request.headers["Idempotency-Key"], now: now)
        } catch {
            return .refuse(
                HTTPError(
                    status: error.isAboutSize ? 413 : 400, code: error.code.rawValue, message: error.message,
                    param: error.path))
        }
        let events = body.events.map { Self.event($0, in: request.body, tenant: tenant, now: now, hall: hall) }
        let form = body.form
        return .accept(
            Submission(events: events, responder: responder, traceparent: request.headers["traceparent"]) {
                Self.answer(form, $0)
            })
    }

    private static func format(_ request: Request) -> PublishParser.Format {
        let type = request.headers["Content-Type"] ?? ""
        return type.lowercased().hasPrefix("application/x-ndjson") ? .ndjson : .json
    }

    private static func event(
        _ event: PublishedEvent, in body: [UInt8], tenant: TenantID, now: Timestamp, hall: Hall
    ) -> NewEvent {
        let key = event.key.map { Hall.dedupeKey($0.material(tenant: tenant, door: "publish")) }
        let id = hall.id(key: key, at: now)
        let envelope = EnvelopeWriter.write(
            id: id, type: event.type, createdAt: event.createdAt, tenant: tenant, smith: event.smith,
            data: body.span.extracting(event.data))
        return NewEvent(
            id: id, tenant: tenant, type: event.type.text, smithID: event.smith?.text, createdAt: event.createdAt,
            dedupeKey: key?.bytes, envelope: envelope)
    }

    private static func answer(_ form: PublishedBody.Form, _ receipts: ArraySlice<AppendReceipt>) -> Response {
        var writer = JSONWriter(capacity: 40 * receipts.count + 48)
        writer.object { writer in
            switch form {
            case .single:
                guard case .stored(let id, let isDuplicate)? = receipts.first else { return }
                writer.member("id", id)
                writer.member("duplicate", isDuplicate)
            case .batch:
                var ids: [EventID] = []
                var duplicates = 0
                for case .stored(let id, let isDuplicate) in receipts {
                    ids.append(id)
                    duplicates += isDuplicate ? 1 : 0
                }
                writer.member("accepted", ids.count - duplicates)
                writer.member("duplicates", duplicates)
                writer.member("ids", array: { writer in for id in ids { writer.identifier(id) } })
            }
        }
        return .json(202, writer.bytes)
    }
}

/// `Authorization: Bearer …` (RFC 6750 §2.1).
enum BearerToken {
    static func read(_ headers: RequestHeaders) -> String? {
        guard let value = headers["Authorization"], value.utf8.count > 7,
            value.utf8.prefix(7).elementsEqual("Bearer ".utf8) || value.prefix(7).lowercased() == "bearer "
        else { return nil }
        return String(value.dropFirst(7))
    }
}
