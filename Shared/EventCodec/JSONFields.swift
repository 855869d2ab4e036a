/// A field of a management request is absent or not what it must be. `param` names it, `message` says what is expected;
/// neither holds the value.
public struct JSONFieldError: Error, Hashable, Sendable {
    public enum Code: String, Hashable, Sendable {
        case malformedJSON = "malformed_json"
        case invalidBody = "invalid_body"
        case missingField = "missing_field"
        case invalidField = "invalid_field"
        case unknownField = "unknown_field"
    }

    public var code: Code
    public var message: String
    /// The path of the field, for example `metadata.team` or `events[2]`; nil for the body as a whole.
    public var param: String?

    public init(_ code: Code, _ message: String, param: String? = nil) {
        self.code = code
        self.message = message
        self.param = param
    }
}

/// The members of one object of a request, read by name and type.
///
/// A getter without `optional` demands the field; with it, an absent field is nil. `null` is absent to both. Where `null`
/// means "reset this", ask `presence`.
///
///     let fields = try JSONFields(body: body)
///     try fields.refuseUnknown(["url", "events", "active"])
///     let url = try fields.string("url", length: 1...2048)
///     let isActive = try fields.optionalBool("active") ?? true
public struct JSONFields: Sendable {
    private let members: [String: JSONValue]
    /// The path of this object with a dot behind it; empty for the body.
    private let path: String

    /// - Throws: `malformedJSON` or `invalidBody`.
    public init(body: [UInt8], limits: JSONLimits = JSONValue.requestLimits) throws(JSONFieldError) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: body, limits: limits)
        } catch {
            throw JSONFieldError(.malformedJSON, error.description)
        }
        guard case .object(let members) = value else {
            throw JSONFieldError(.invalidBody, "the body is a JSON object")
        }
        self.init(members, path: "")
    }

    /// The fields of an object that lies at `path` of a document, for example `trigger`.
    /// - Throws: `invalidField` where it is no object.
    public init(_ value: JSONValue, path: String) throws(JSONFieldError) {
        guard case .object(let members) = value else {
            throw JSONFieldError(.invalidField, "\(path) is an object", param: path)
        }
        self.init(members, path: "\(path).")
    }

    private init(_ members: [JSONValue.Member], path: String) {
        self.members = Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        self.path = path
    }

    /// The error for a field that has the right type and a wrong value.
    public func invalid(_ name: String, _ expectation: String) -> JSONFieldError {
        JSONFieldError(.invalidField, "\(path)\(name) \(expectation)", param: path + name)
    }

    /// - Throws: `unknownField` for the first name, in text order, that is not among `names`.
    public func refuseUnknown(_ names: Set<String>) throws(JSONFieldError) {
        guard let unknown = members.keys.filter({ !names.contains($0) }).min() else { return }
        let param = path + unknown.prefix(64)
        throw JSONFieldError(
            .unknownField, "there is no such field; known are \(names.sorted().joined(separator: ", "))", param: param)
    }

    /// How a field stands in the request.
    public enum Presence: Hashable, Sendable {
        case absent, null, value
    }

    public func presence(_ name: String) -> Presence {
        switch members[name] {
        case nil: .absent
        case .null: .null
        default: .value
        }
    }

    /// The value whatever it is; nil where it is absent or null.
    public func value(_ name: String) -> JSONValue? {
        guard let value = members[name], value != .null else { return nil }
        return value
    }

    private func required<Value>(_ name: String, _ value: Value?) throws(JSONFieldError) -> Value {
        guard let value else { throw JSONFieldError(.missingField, "\(path)\(name) is missing", param: path + name) }
        return value
    }

    // MARK: Text

    /// - Parameter length: Allowed count of Unicode scalars.
    public func optionalString(_ name: String, length: ClosedRange<Int>? = nil) throws(JSONFieldError) -> String? {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value else { throw invalid(name, "is a string") }
        if let length, !length.contains(text.unicodeScalars.count) {
            throw invalid(name, "has \(length.lowerBound)-\(length.upperBound) characters")
        }
        return text
    }

    public func string(_ name: String, length: ClosedRange<Int>? = nil) throws(JSONFieldError) -> String {
        try required(name, try optionalString(name, length: length))
    }

    /// One of the cases of an enumeration over strings.
    public func optionalChoice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type = Choice.self
    ) throws(JSONFieldError) -> Choice? where Choice.RawValue == String {
        guard let text = try optionalString(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw invalid(name, "is one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    // MARK: Numbers and claims

    public func optionalInt(
        _ name: String, in range: ClosedRange<Int64> = .min ... .max
    ) throws(JSONFieldError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard case .number(let number) = value, let int = number.int, range.contains(int) else {
            throw invalid(
                name,
                range == .min ... .max
                    ? "is a whole number" : "is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return int
    }

    public func int(_ name: String, in range: ClosedRange<Int64> = .min ... .max) throws(JSONFieldError) -> Int64 {
        try required(name, try optionalInt(name, in: range))
    }

    public func optionalDouble(_ name: String, in range: ClosedRange<Double>? = nil) throws(JSONFieldError) -> Double? {
        guard let value = value(name) else { return nil }
        guard case .number(let number) = value, let double = number.double, range?.contains(double) ?? true else {
            throw invalid(name, range.map { "is a number from \($0.lowerBound) to \($0.upperBound)" } ?? "is a number")
        }
        return double
    }

    public func optionalBool(_ name: String) throws(JSONFieldError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let claim) = value else { throw invalid(name, "is true or false") }
        return claim
    }

    public func bool(_ name: String) throws(JSONFieldError) -> Bool { try required(name, try optionalBool(name)) }

    // MARK: Containers

    public func optionalFields(_ name: String) throws(JSONFieldError) -> JSONFields? {
        guard let value = value(name) else { return nil }
        guard case .object(let members) = value else { throw invalid(name, "is an object") }
        return JSONFields(members, path: "\(path)\(name).")
    }

    /// The objects of an array.
    public func optionalObjects(_ name: String, count: ClosedRange<Int>? = nil) throws(JSONFieldError) -> [JSONFields]?
    {
        guard let elements = try optionalArray(name, count: count) else { return nil }
        var objects: [JSONFields] = []
        for (index, element) in elements.enumerated() {
            objects.append(try JSONFields(element, path: "\(path)\(name)[\(index)]"))
        }
        return objects
    }

    public func fields(_ name: String) throws(JSONFieldError) -> JSONFields {
        try required(name, try optionalFields(name))
    }

    public func optionalArray(_ name: String, count: ClosedRange<Int>? = nil) throws(JSONFieldError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard case .array(let elements) = value else { throw invalid(name, "is an array") }
        if let count, !count.contains(elements.count) {
            throw invalid(name, "has \(count.lowerBound)-\(count.upperBound) entries")
        }
        return elements
    }

    public func optionalStrings(_ name: String, count: ClosedRange<Int>? = nil) throws(JSONFieldError) -> [String]? {
        guard let elements = try optionalArray(name, count: count) else { return nil }
        var strings: [String] = []
        for (index, element) in elements.enumerated() {
            guard case .string(let text) = element else { throw invalid("\(name)[\(index)]", "is a string") }
            strings.append(text)
        }
        return strings
    }

    public func optionalInts(
        _ name: String, count: ClosedRange<Int>? = nil, in range: ClosedRange<Int64> = .min ... .max
    ) throws(JSONFieldError) -> [Int64]? {
        guard let elements = try optionalArray(name, count: count) else { return nil }
        var ints: [Int64] = []
        for (index, element) in elements.enumerated() {
            guard case .number(let number) = element, let int = number.int, range.contains(int) else {
                throw invalid(
                    "\(name)[\(index)]", "is a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            ints.append(int)
        }
        return ints
    }
}
