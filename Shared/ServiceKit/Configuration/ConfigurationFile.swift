/// A file of `key = value` lines. Empty lines and lines that begin with `#` do not count; a value goes to the end of its
/// line, since `#` is a good character in one.
struct ConfigurationFile: Sendable {
    struct Line: Sendable {
        let number: Int
        let value: String
    }

    let path: String
    private(set) var lines: [String: Line] = [:]
    private(set) var problems: [String] = []

    init(path: String, text: String) {
        self.path = path
        // A carriage return and a line feed are one Character, which is no line feed.
        let text = text.replacing("\r\n", with: "\n")
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = trimmed(raw)
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            let number = index + 1
            guard let equals = line.firstIndex(of: "=") else {
                problems.append("\(path):\(number) is not of the form key = value")
                continue
            }
            let key = trimmed(line[..<equals])
            let value = trimmed(line[line.index(after: equals)...])
            if let earlier = lines[key] {
                problems.append("\(key) (\(path):\(number)) stands in line \(earlier.number) already")
                continue
            }
            lines[key] = Line(number: number, value: value)
        }
    }
}
