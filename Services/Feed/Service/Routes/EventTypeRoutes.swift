internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// The catalogue of event types: the contracts', and what a tenant adds for its own developers.
struct EventTypeRoutes: Sendable {
    let types: EventTypeStore

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/v1/event-types", .tenant(.ofTenants), list),
            APIRoute(.put, "/v1/event-types/{type}", .tenant(.tenantAdmin), put),
            APIRoute(.delete, "/v1/event-types/{type}", .tenant(.tenantAdmin), delete),
        ]
    }

    private static let descriptionLength = 0...1_024
    private static let maximumFields = 100

    private func list(_ call: APICall) async throws -> Response {
        let own = try await types.list(tenant: call.tenant)
        return .object { json in
            json.member(
                "data",
                array: { json in
                    for entry in EventCatalogue.all { json.object { EventTypeView.write(entry, to: &$0) } }
                    for record in own { json.object { EventTypeView.write(record, to: &$0) } }
                })
            json.member("next_cursor", String?.none)
            json.member("has_more", false)
        }
    }

    private func put(_ call: APICall) async throws -> Response {
        guard let type = EventType(call.request.parameter("type")) else {
            throw HTTPError.badRequest(
                "invalid_type", "a type is words of A-Z a-z 0-9 _ - joined by dots, at most 128 characters",
                param: "type")
        }
        if Self.isReserved(type) {
            throw HTTPError(
                status: 409, code: "reserved_type", message: "this type belongs to the platform's catalogue",
                param: "type")
        }
        let fields = try call.fields()
        let names = try fields.optionalStrings("fields", count: 0...Self.maximumFields) ?? []
        let sample = fields.value("sample") ?? .object([])
        guard case .object = sample else { throw fields.invalid("sample", "is an object") }
        var document = JSONWriter()
        document.object { json in
            json.member("fields", names)
            json.member("sample", sample)
        }
        let made = try await types.put(
            type, tenant: call.tenant,
            description: try fields.optionalString("when", length: Self.descriptionLength) ?? "",
            document: String(decoding: document.bytes, as: UTF8.self))
        guard let (record, isNew) = made else { throw HTTPError.notFound("the tenant was deleted") }
        return .object(isNew ? 201 : 200) { EventTypeView.write(record, to: &$0) }
    }

    private func delete(_ call: APICall) async throws -> Response {
        guard let type = EventType(call.request.parameter("type")),
            try await types.delete(type, tenant: call.tenant)
        else { throw HTTPError.notFound("the tenant has no such type of its own") }
        return .noContent
    }

    private static func isReserved(_ type: EventType) -> Bool {
        EventCatalogue.entry(type.text) != nil
            || EventCatalogue.reservedFamilies.compactMap { EventType($0) }.contains { type.belongs(to: $0) }
    }
}

enum EventTypeView {
    static func write(_ entry: EventCatalogue.Entry, to json: inout JSONWriter) {
        json.member("type", entry.type)
        json.member("when", entry.when)
        json.member("fields", entry.fields)
        json.member("sample", raw: Array(entry.sample.utf8))
        json.member("seed", entry.seed)
    }

    static func write(_ record: EventTypeRecord, to json: inout JSONWriter) {
        json.member("type", record.type)
        json.member("when", record.description)
        // Written by ourselves when the type was put.
        let document = (try? JSONValue(parsing: Array(record.document.utf8))) ?? .object([])
        json.member("fields", document["fields"] ?? .array([]))
        json.member("sample", document["sample"] ?? .object([]))
        json.key("seed")
        json.null()
    }
}
