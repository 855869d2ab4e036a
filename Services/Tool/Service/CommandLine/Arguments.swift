internal import ServiceKit

/// A command line that was checked against its command's description.
struct Arguments: Sendable {
    private var values: [String: [String]] = [:]
    private(set) var positionals: [String] = []

    /// - Parameter words: what follows the command's name.
    /// - Throws: `usage`.
    init(_ words: [String], for spec: CommandSpec) throws(ToolError) {
        let options = Dictionary(spec.options.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var rest = words[...]
        var endsOptions = false
        while let word = rest.popFirst() {
            // A lone dash is a value: standard input.
            guard word.hasPrefix("-"), word != "-", !endsOptions else {
                positionals.append(word)
                continue
            }
            if word == "--" {
                endsOptions = true
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let option = options[parts[0]] else {
                throw Self.wrong("\(parts[0]) is not an option of this command", spec)
            }
            let value: String
            if parts.count == 2 {
                value = parts[1]
            } else if option.value == nil {
                value = "true"
            } else if let next = rest.popFirst() {
                value = next
            } else {
                throw Self.wrong("\(option.name) needs a value: \(option.name) \(option.value ?? "")", spec)
            }
            if values[option.name] != nil, !option.isRepeatable {
                throw Self.wrong("\(option.name) is given twice", spec)
            }
            values[option.name, default: []].append(value)
        }
        let least = spec.positionals.filter { !$0.isOptional }.count
        if positionals.count < least {
            throw Self.wrong("\(spec.positionals[positionals.count].name) is missing", spec)
        }
        if positionals.count > spec.positionals.count {
            throw Self.wrong("\(positionals[spec.positionals.count]) is not expected here", spec)
        }
    }

    private static func wrong(_ problem: String, _ spec: CommandSpec) -> ToolError {
        ToolError(.usage, "\(problem); see fanfare \(spec.name) --help")
    }

    subscript(name: String) -> String? { values[name]?.last }

    func all(_ name: String) -> [String] { values[name] ?? [] }

    func positional(_ index: Int) -> String? { index < positionals.count ? positionals[index] : nil }

    /// A switch: `--name`, `--name=true` or `--name=false`.
    func flag(_ name: String) throws(ToolError) -> Bool { try optionalFlag(name) ?? false }

    func optionalFlag(_ name: String) throws(ToolError) -> Bool? {
        switch self[name] {
        case nil: nil
        case "true": true
        case "false": false
        case .some: throw ToolError(.usage, "\(name) is a switch: \(name), or \(name)=false")
        }
    }

    func int(_ name: String, in range: ClosedRange<Int>) throws(ToolError) -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw ToolError(.usage, "\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Such as `500ms`, `10s`, `2m`, `1h`, `7d`.
    func duration(_ name: String, in range: ClosedRange<Duration>) throws(ToolError) -> Duration? {
        guard let text = self[name] else { return nil }
        guard let duration = DurationText.parse(text), range.contains(duration) else {
            throw ToolError(
                .usage,
                "\(name) takes a duration from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound)), such as 10s or 2m"
            )
        }
        return duration
    }
}
