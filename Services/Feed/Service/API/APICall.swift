internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// A request whose bearer may make it.
struct APICall: Sendable {
    let request: Request
    let bearer: Bearer
    let query: QueryParameters

    /// The bearer's tenant.
    ///
    /// - Precondition: the route demands a tenant's token.
    var tenant: TenantID {
        guard let tenant = bearer.tenant else { preconditionFailure("a tenant's route was given an operator's token") }
        return tenant
    }

    /// The id in the path. One that is not well-formed names nothing.
    func identifier<Kind>(_ name: String = "id", of kind: Kind.Type = Kind.self) throws(HTTPError) -> Identifier<Kind> {
        guard let id = Identifier<Kind>(request.parameter(name)) else { throw .notFound("there is no such \(name)") }
        return id
    }

    /// The body as a JSON object; an absent body is an empty one.
    func fields() throws(JSONFieldError) -> JSONFields {
        try JSONFields(body: request.body.isEmpty ? Array("{}".utf8) : request.body)
    }
}

// MARK: Query parameters; unknown ones are ignored, bad values are 400

extension APICall {
    func invalid(_ name: String, _ expectation: String) -> HTTPError {
        .badRequest("invalid_parameter", "\(name) \(expectation)", param: name)
    }

    func int(_ name: String, in range: ClosedRange<Int>, default preset: Int) throws(HTTPError) -> Int {
        guard let text = query[name] else { return preset }
        guard let number = Int(text), range.contains(number) else {
            throw invalid(name, "is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func time(_ name: String) throws(HTTPError) -> Timestamp? {
        guard let text = query[name] else { return nil }
        // A `+` that was not escaped arrives as a blank, and there is no other place for one.
        guard let time = RFC3339.parse(text.contains(" ") ? text.replacing(" ", with: "+") : text) else {
            throw invalid(name, "is a time as RFC 3339 writes it, such as 2026-06-10T00:00:00Z")
        }
        return time
    }

    func queryIdentifier<Kind>(
        _ name: String, of kind: Kind.Type = Kind.self
    ) throws(HTTPError) -> Identifier<Kind>? {
        guard let text = query[name] else { return nil }
        guard let id = Identifier<Kind>(text) else { throw invalid(name, "is an id that begins with \(Kind.prefix)") }
        return id
    }

    func choice(_ name: String, of allowed: [String]) throws(HTTPError) -> String? {
        guard let text = query[name] else { return nil }
        guard allowed.contains(text) else { throw invalid(name, "is one of \(allowed.joined(separator: ", "))") }
        return text
    }

    /// `limit` of a list, and where it goes on.
    func listPosition() throws(HTTPError) -> (after: String?, limit: Int) {
        let limit = try int("limit", in: 1...1_000, default: 50)
        let cursor = query["cursor"].flatMap { $0.isEmpty ? nil : $0 }
        if let cursor, cursor.utf8.count > 128 || !cursor.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw invalid("cursor", "is the next_cursor of an earlier page")
        }
        return (cursor, limit)
    }
}
