internal import EventCodec
internal import JSONPath

/// One condition on what a trigger sees: some value that the path finds passes the test.
struct TriggerMatch: Sendable {
    enum Test: Sendable {
        case equals(JSONValue)
        case among([JSONValue])
        case exists(Bool)
        case matches(Regexp)
    }

    let path: JSONPath
    let test: Test

    private static let mostValues = 1_000

    init(_ fields: JSONFields) throws(JSONFieldError) {
        try fields.refuseUnknown(["jsonpath", "equals", "in", "exists", "matches"])
        let text = try fields.string("jsonpath")
        do throws(JSONPathError) {
            path = try JSONPath(text, limits: TriggerLimits.paths)
        } catch {
            throw fields.invalid("jsonpath", "is a query of RFC 9535: \(error)")
        }
        // `equals: null` is a test too, so presence counts and not the value.
        let tests = ["equals", "in", "exists", "matches"].filter { fields.presence($0) != .absent }
        guard tests.count == 1 else {
            throw fields.invalid("jsonpath", "is tested by exactly one of equals, in, exists and matches")
        }
        switch tests[0] {
        case "equals": test = .equals(fields.value("equals") ?? .null)
        case "in": test = .among(try fields.optionalArray("in", count: 1...Self.mostValues) ?? [])
        case "exists": test = .exists(try fields.bool("exists"))
        default:
            do throws(JSONPathError) {
                test = .matches(try Regexp(try Self.pattern(fields)))
            } catch {
                throw fields.invalid("matches", "is a regular expression of RFC 9485: \(error)")
            }
        }
    }

    private static func pattern(_ fields: JSONFields) throws(JSONPathError) -> String {
        guard case .string(let text) = fields.value("matches"), text.utf8.count <= 1_024 else {
            throw JSONPathError(.syntax, "a text of at most 1024 bytes is expected")
        }
        return text
    }

    /// Why it does not hold; nil if it does.
    func objection(to payload: JSONOutline, _ budget: inout Int) -> String? {
        let found: [Int]
        do throws(JSONPathError) {
            found = try path.values(in: payload, budget: &budget)
        } catch {
            return "\(path) takes too much work on this payload"
        }
        switch test {
        case .exists(let wanted):
            return found.isEmpty != wanted ? nil : "\(path) \(wanted ? "finds nothing" : "finds something")"
        case .equals(let value):
            return found.contains { isEqual($0, value, payload) } ? nil : objection(found, "equals", [value])
        case .among(let values):
            let isIn = found.contains { place in values.contains { isEqual(place, $0, payload) } }
            return isIn ? nil : objection(found, "in", values)
        case .matches(let regexp):
            let matches = found.contains { value in
                // A step a character and instruction, as in a query's own `match`.
                budget -= payload.range(of: value).count * regexp.size / 4
                return budget > 0 && (payload.string(of: value).map(regexp.matches) ?? false)
            }
            guard budget > 0 else { return "\(path) takes too much work on this payload" }
            return matches ? nil : found.isEmpty ? "\(path) finds nothing" : "\(path) does not match the expression"
        }
    }

    /// Says nothing of what the payload holds: that is the sender's.
    private func objection(_ found: [Int], _ test: String, _ values: [JSONValue]) -> String {
        guard !found.isEmpty else { return "\(path) finds nothing" }
        let wanted = values.prefix(3).map { String(decoding: $0.bytes.prefix(64), as: UTF8.self) }
        return "\(path) finds another value than \(test) \(wanted.joined(separator: ", "))"
    }

    private func isEqual(_ place: Int, _ value: JSONValue, _ payload: JSONOutline) -> Bool {
        switch (payload.kind(of: place), value) {
        case (.null, .null), (.true, .bool(true)), (.false, .bool(false)): return true
        case (.string, .string(let text)):
            return payload.withString(of: place) { $0.elementsEqual(text.utf8) } ?? false
        case (.number, .number(let wanted)):
            let number = String(decoding: payload.bytes(of: place), as: UTF8.self)
            if let int = Int64(number), let wanted = wanted.int { return int == wanted }
            return wanted.double.map { Double(number) == $0 } ?? false
        case (.array, .array(let elements)):
            return payload.childCount(of: place) == elements.count
                && elements.indices.allSatisfy { index in
                    payload.element(index, of: place).map { isEqual($0, elements[index], payload) } ?? false
                }
        case (.object, .object(let members)):
            return payload.childCount(of: place) == members.count
                && members.allSatisfy { member in
                    payload.member(Array(member.key.utf8), of: place).map { isEqual($0, member.value, payload) }
                        ?? false
                }
        default: return false
        }
    }
}

/// What triggers may cost on one event.
enum TriggerLimits {
    static let paths = JSONPathLimits(bytes: 1_024, steps: 50_000)
    /// Bytes of all inputs of one action.
    static let inputBytes = 64 * 1024
}
