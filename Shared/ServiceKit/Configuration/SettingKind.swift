/// How the text of a setting is read.
public struct SettingKind<Value: Sendable>: Sendable {
    /// What a person calls such a value: `duration`.
    let typeName: String
    /// What values are allowed, for the documentation; empty where all are.
    let range: String
    let isSecret: Bool
    /// The value, or what is wrong with the text: a clause that follows the key's name.
    let parse: @Sendable (String) -> Result<Value, SettingProblem>

    init(
        _ typeName: String, range: String = "", isSecret: Bool = false,
        parse: @escaping @Sendable (String) -> Result<Value, SettingProblem>
    ) {
        self.typeName = typeName
        self.range = range
        self.isSecret = isSecret
        self.parse = parse
    }
}

/// Why a text is no value of a setting; never quotes the text, which may be a secret.
struct SettingProblem: Error {
    let clause: String

    init(_ clause: String) { self.clause = clause }
}

extension SettingKind where Value == String {
    /// Any text but the empty one.
    public static let string = SettingKind("text") { text in
        text.isEmpty ? .failure(SettingProblem("is empty")) : .success(text)
    }

    /// Text of the bytes that `isAllowed` accepts, `length` of them; `range` says that in words.
    public static func string(
        _ range: String, length: ClosedRange<Int>, isAllowed: @escaping @Sendable (UInt8) -> Bool
    ) -> SettingKind {
        SettingKind("text", range: range) { text in
            length.contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed)
                ? .success(text) : .failure(SettingProblem("is of another form"))
        }
    }
}

extension SettingKind where Value == [String] {
    /// Texts separated by commas, at least one; blanks around them do not count.
    public static let list = SettingKind("list", range: "separated by commas") { text in
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map { trimmed($0) }
        return items.contains("") ? .failure(SettingProblem("has an empty item")) : .success(items)
    }
}

extension SettingKind where Value == Secret {
    /// Text that is never shown. Each such setting can also be read from a file, by the same name with `-file`.
    public static let secret = SettingKind("secret", isSecret: true) { text in
        text.isEmpty ? .failure(SettingProblem("is empty")) : .success(Secret(text))
    }
}

extension SettingKind where Value == Bool {
    public static let bool = SettingKind("bool", range: "true or false") { text in
        switch text {
        case "true": .success(true)
        case "false": .success(false)
        default: .failure(SettingProblem("is neither true nor false"))
        }
    }
}

extension SettingKind where Value == Int {
    public static func int(_ range: ClosedRange<Int>) -> SettingKind {
        SettingKind("number", range: "\(range.lowerBound) to \(range.upperBound)") { text in
            guard let number = Int(text) else { return .failure(SettingProblem("is not a whole number")) }
            return within(range, number)
        }
    }

    /// A size in bytes.
    public static func bytes(_ range: ClosedRange<Int>) -> SettingKind {
        let bounds = (ByteCountText.text(range.lowerBound), ByteCountText.text(range.upperBound))
        return SettingKind("size", range: "\(bounds.0) to \(bounds.1)") { text in
            guard let bytes = ByteCountText.parse(text) else {
                return .failure(SettingProblem("is not a size such as 512KiB or 4MiB"))
            }
            return within(range, bytes)
        }
    }
}

extension SettingKind where Value == Duration {
    public static func duration(_ range: ClosedRange<Duration>) -> SettingKind {
        let bounds = (DurationText.text(range.lowerBound), DurationText.text(range.upperBound))
        return SettingKind("duration", range: "\(bounds.0) to \(bounds.1)") { text in
            guard let duration = DurationText.parse(text) else {
                return .failure(SettingProblem("is not a duration such as 500ms, 10s, 2m or 7d"))
            }
            return within(range, duration)
        }
    }
}

extension SettingKind where Value == HostPort {
    public static let hostPort = SettingKind("host:port") { text in
        HostPort(text).map { .success($0) } ?? .failure(SettingProblem("is not of the form host:port"))
    }
}

extension SettingKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the cases, by its raw value.
    public static func choice(of _: Value.Type = Value.self) -> SettingKind {
        let names = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return SettingKind("choice", range: names) { text in
            Value(rawValue: text).map { .success($0) } ?? .failure(SettingProblem("is none of the choices"))
        }
    }
}

private func within<Bound: Comparable>(_ range: ClosedRange<Bound>, _ value: Bound) -> Result<Bound, SettingProblem> {
    range.contains(value) ? .success(value) : .failure(SettingProblem("is out of range"))
}

/// The text without blanks and tabs at its ends.
func trimmed(_ text: some StringProtocol) -> String {
    let isBlank = { (character: Character) in character == " " || character == "\t" || character == "\r" }
    let rest = text.drop(while: isBlank)
    guard let last = rest.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(rest[...last])
}
