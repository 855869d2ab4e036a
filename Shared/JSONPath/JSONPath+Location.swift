public import EventCodec

extension JSONOutline {
    /// The normalised path of a value (RFC 9535 §2.7), for example `$['commits'][0]['id']`: one text a value.
    public func location(of value: Int) -> String {
        var steps: [String] = []
        var value = value
        while let parent = parent(of: value) {
            if let key = key(of: value) {
                steps.append("['\(Self.normalised(key))']")
            } else {
                var index = 0
                var sibling = parent + 1
                while sibling < value {
                    sibling = end(of: sibling)
                    index += 1
                }
                steps.append("[\(index)]")
            }
            value = parent
        }
        return "$" + steps.reversed().joined()
    }

    /// The inside of a normalised name selector.
    private static func normalised(_ key: [UInt8]) -> String {
        var text = ""
        for scalar in String(decoding: key, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\u{8}": text += "\\b"
            case "\t": text += "\\t"
            case "\n": text += "\\n"
            case "\u{C}": text += "\\f"
            case "\r": text += "\\r"
            case "'": text += "\\'"
            case "\\": text += "\\\\"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
