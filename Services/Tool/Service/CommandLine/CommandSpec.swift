/// What a command takes and what it is for; the parser and the help texts are made from it.
struct CommandSpec: Sendable {
    struct Option: Sendable {
        /// With the dashes.
        var name: String
        /// What stands for its value in help texts; nil for a switch.
        var value: String?
        var help: String
        var isRepeatable = false

        init(_ name: String, _ value: String? = nil, _ help: String, isRepeatable: Bool = false) {
            self.name = name
            self.value = value
            self.help = help
            self.isRepeatable = isRepeatable
        }
    }

    struct Positional: Sendable {
        var name: String
        var help: String
        var isOptional = false
    }

    /// One or two words.
    var name: String
    /// A clause in lower case.
    var summary: String
    var positionals: [Positional] = []
    var options: [Option] = []
    /// Paragraphs below the options, wrapped by hand.
    var details = ""

    var usage: String {
        var words = ["fanfare \(name)"]
        words += positionals.map { $0.isOptional ? "[\($0.name)]" : $0.name }
        words += options.map { option in
            let text = option.value.map { "\(option.name) \($0)" } ?? option.name
            return option.isRepeatable ? "[\(text)]…" : "[\(text)]"
        }
        return words.joined(separator: " ")
    }

    private static let width = 100
    private static let column = 28

    var help: String {
        var text = "fanfare \(name): \(summary)\n\n"
        text += Self.wrapped("Usage: \(usage)", indent: "       ")
        if !positionals.isEmpty || !options.isEmpty { text += "\n" }
        for positional in positionals { text += Self.row(positional.name, positional.help) }
        for option in options {
            text += Self.row(option.value.map { "\(option.name) \($0)" } ?? option.name, option.help)
        }
        text += Self.row("--help", "prints this")
        if !details.isEmpty { text += "\n\(details)\n" }
        return text
    }

    static func row(_ left: String, _ right: String) -> String {
        let start = "  \(left)"
        let padding = String(repeating: " ", count: max(2, column - start.count))
        let lines = lines(right, width: width - column)
        return lines.enumerated().map { index, line in
            index == 0 ? start + padding + line : String(repeating: " ", count: start.count + padding.count) + line
        }.joined(separator: "\n") + "\n"
    }

    private static func wrapped(_ text: String, indent: String) -> String {
        lines(text, width: width - indent.count).enumerated().map { $0 == 0 ? $1 : indent + $1 }
            .joined(separator: "\n") + "\n"
    }

    private static func lines(_ text: String, width: Int) -> [String] {
        var lines: [String] = [""]
        var isInBrackets = false
        for word in text.split(separator: " ") {
            let last = lines[lines.count - 1]
            // `[--dir DIR]` stays on one line.
            if last.isEmpty || isInBrackets || last.count + 1 + word.count <= width {
                lines[lines.count - 1] = last.isEmpty ? String(word) : "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
            isInBrackets = word.hasPrefix("[") && !word.contains("]") || isInBrackets && !word.contains("]")
        }
        return lines
    }
}
