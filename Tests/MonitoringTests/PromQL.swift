/// As much of Prometheus' query language as it takes to say which metrics a query names.
enum PromQL {
    private static let words: Set<String> = [
        "and", "or", "unless", "bool", "offset", "on", "ignoring", "group_left", "group_right", "by", "without", "inf",
        "nan", "sum", "min", "max", "avg", "count", "topk", "bottomk", "quantile", "group",
    ]
    /// Words behind which names of labels stand in brackets.
    private static let beforeLabels: Set<String> = ["on", "ignoring", "group_left", "group_right", "by", "without"]

    /// Names of metrics and recorded rules, as they stand in the query.
    static func metrics(in query: String) -> Set<String> {
        let text = Array(withoutSelectors(query))
        var found: Set<String> = []
        var at = 0
        while at < text.count {
            guard isStart(text[at]) else {
                // A number takes its unit or exponent along.
                if text[at].isNumber {
                    while at < text.count, isPart(text[at]) || text[at] == "." { at += 1 }
                } else {
                    at += 1
                }
                continue
            }
            let start = at
            while at < text.count, isPart(text[at]) { at += 1 }
            let name = String(text[start..<at])
            var next = at
            while next < text.count, text[next].isWhitespace { next += 1 }
            let isCall = next < text.count && text[next] == "("
            if beforeLabels.contains(name.lowercased()), isCall {
                while at < text.count, text[at] != ")" { at += 1 }
            } else if !isCall, !words.contains(name.lowercased()) {
                found.insert(name)
            }
        }
        return found
    }

    /// The query without `{…}`, `[…]` and strings.
    private static func withoutSelectors(_ query: String) -> String {
        var result = ""
        var closing: [Character] = []
        var quote: Character?
        for character in query {
            if let open = quote {
                if character == open { quote = nil }
                continue
            }
            switch character {
            case "\"", "'": quote = character
            case "{": closing.append("}")
            case "[": closing.append("]")
            case "}", "]": if closing.last == character { closing.removeLast() }
            default: if closing.isEmpty { result.append(character) }
            }
        }
        return result
    }

    private static func isStart(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character == "_" || character == ":")
    }

    private static func isPart(_ character: Character) -> Bool {
        isStart(character) || (character.isASCII && character.isNumber)
    }
}
