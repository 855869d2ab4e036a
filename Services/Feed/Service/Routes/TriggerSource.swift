internal import EventCodec
internal import HTTPServer
internal import Triggers
internal import YAML

/// A request's document, as JSON or YAML. Its errors name the field, and where the field stands.
struct TriggerSource {
    private let text: SourceDocument
    private let members: [JSONValue.Member]

    /// - Throws: 400 for what is neither, no object, or holds a name that is not known.
    init(_ call: APICall, limits: YAMLLimits, known: Set<String>) throws {
        do throws(YAMLError) {
            text = try SourceDocument(call.request.body, limits: limits)
        } catch {
            throw HTTPError.badRequest("malformed_document", error.description)
        }
        guard case .object(let members) = text.value else {
            throw HTTPError.badRequest("invalid_body", "the body is an object, as JSON or YAML")
        }
        self.members = members
        if let unknown = members.first(where: { !known.contains($0.key) }) {
            throw placed(
                JSONFieldError(
                    .unknownField, "there is no such field; known are \(known.sorted().joined(separator: ", "))",
                    param: String(unknown.key.prefix(64))))
        }
    }

    /// Nil where it is absent or null.
    func value(_ name: String) -> JSONValue? {
        guard let value = text.value[name], value != .null else { return nil }
        return value
    }

    var isActive: Bool? {
        get throws {
            guard let value = value("active") else { return nil }
            guard case .bool(let isActive) = value else {
                throw placed(JSONFieldError(.invalidField, "active is true or false", param: "active"))
            }
            return isActive
        }
    }

    func missing(_ name: String) -> HTTPError {
        placed(JSONFieldError(.missingField, "\(name) is missing", param: name))
    }

    /// - Throws: 400, with the place of the field at fault.
    func document(_ value: JSONValue) throws -> TriggerDocument {
        do throws(JSONFieldError) {
            return try TriggerDocument(value)
        } catch {
            throw placed(error)
        }
    }

    private func placed(_ error: JSONFieldError) -> HTTPError {
        let place = error.param.map { " (\(text.position(of: $0)))" } ?? ""
        return .badRequest(error.code.rawValue, error.message + place, param: error.param)
    }
}
