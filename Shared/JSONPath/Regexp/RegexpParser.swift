/// What an expression means, before it is instructions.
indirect enum RegexpTree {
    case empty
    case scalar(UInt32)
    case any
    case `class`(Int)
    case atStart
    case atEnd
    case sequence([RegexpTree])
    case alternatives([RegexpTree])
    /// `maximum` nil: as often as it likes.
    case repeated(RegexpTree, minimum: Int, maximum: Int?)
}

/// Reads an expression by the grammar of RFC 9485 §4.
struct RegexpParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private(set) var classes: [CharacterClass] = []

    /// Parentheses in one another: reading and compiling recurse.
    private static let maximumDepth = 64

    init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

    mutating func parse() throws(JSONPathError) -> RegexpTree {
        let tree = try readAlternatives()
        guard position == scalars.count else { throw invalid("a ) too many") }
        return tree
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private func invalid(_ message: String) -> JSONPathError {
        JSONPathError(.syntax, "not a regular expression of RFC 9485: \(message)", at: position)
    }

    private mutating func readAlternatives() throws(JSONPathError) -> RegexpTree {
        guard depth < Self.maximumDepth else {
            throw JSONPathError(.tooLarge, "parentheses deeper than \(Self.maximumDepth)", at: position)
        }
        depth += 1
        defer { depth -= 1 }
        var alternatives: [RegexpTree] = []
        repeat { alternatives.append(try readSequence()) } while skip("|")
        return alternatives.count == 1 ? alternatives[0] : .alternatives(alternatives)
    }

    private mutating func readSequence() throws(JSONPathError) -> RegexpTree {
        var pieces: [RegexpTree] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let atom = try readAtom(scalar)
            pieces.append(try readQuantifier(of: atom))
        }
        return pieces.isEmpty ? .empty : pieces.count == 1 ? pieces[0] : .sequence(pieces)
    }

    private mutating func readAtom(_ scalar: Unicode.Scalar) throws(JSONPathError) -> RegexpTree {
        position += 1
        switch scalar {
        case "(":
            let tree = try readAlternatives()
            guard skip(")") else { throw invalid("a ) is missing") }
            return tree
        case ".": return .any
        case "^": return .atStart
        case "$": return .atEnd
        case "[": return try readClass()
        case "\\":
            var set = CharacterClass()
            if let escaped = try readEscape(into: &set) { return .scalar(escaped.value) }
            return add(set)
        case "*", "+", "?", "{", "}", "]":
            position -= 1
            throw invalid("\(scalar) stands alone")
        default: return .scalar(scalar.value)
        }
    }

    private mutating func add(_ set: CharacterClass) -> RegexpTree {
        if let known = classes.firstIndex(of: set) { return .class(known) }
        classes.append(set)
        return .class(classes.count - 1)
    }

    // MARK: Quantifiers

    private mutating func readQuantifier(of atom: RegexpTree) throws(JSONPathError) -> RegexpTree {
        if skip("*") { return .repeated(atom, minimum: 0, maximum: nil) }
        if skip("+") { return .repeated(atom, minimum: 1, maximum: nil) }
        if skip("?") { return .repeated(atom, minimum: 0, maximum: 1) }
        guard skip("{") else { return atom }
        let minimum = try readCount()
        var maximum: Int? = minimum
        if skip(",") { maximum = next == "}" ? nil : try readCount() }
        guard skip("}") else { throw invalid("a } is missing") }
        guard minimum <= maximum ?? minimum else { throw invalid("the counts are in the wrong order") }
        return .repeated(atom, minimum: minimum, maximum: maximum)
    }

    private mutating func readCount() throws(JSONPathError) -> Int {
        let start = position
        var count = 0
        while let scalar = next, ("0"..."9").contains(scalar) {
            count = count * 10 + Int(scalar.value - 0x30)
            guard count <= Regexp.maximumSize else {
                throw JSONPathError(.tooLarge, "a count is at most \(Regexp.maximumSize)", at: start)
            }
            position += 1
        }
        guard position > start else { throw invalid("a count is expected") }
        return count
    }

    // MARK: Classes and escapes

    /// What follows `[`.
    private mutating func readClass() throws(JSONPathError) -> RegexpTree {
        var set = CharacterClass()
        set.isNegated = skip("^")
        var isFirst = true
        while let scalar = next {
            if scalar == "]", !isFirst {
                position += 1
                return add(set)
            }
            if scalar == "-" {
                // A hyphen for itself stands first or last.
                position += 1
                guard isFirst || next == "]" else { throw invalid("a - stands first or last, or in a range") }
                set.ranges.append(0x2D...0x2D)
            } else if let lower = try readMember(into: &set) {
                set.ranges.append(lower.value...(try readUpperEnd(from: lower)).value)
            }
            isFirst = false
        }
        throw invalid("a ] is missing")
    }

    /// The end of the range that begins with `lower`; `lower` itself where there is no range.
    private mutating func readUpperEnd(from lower: Unicode.Scalar) throws(JSONPathError) -> Unicode.Scalar {
        guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else { return lower }
        position += 1
        var none = CharacterClass()
        guard next != "-", let upper = try readMember(into: &none), lower <= upper else {
            throw invalid("a range has two characters in order")
        }
        return upper
    }

    /// A character of a class; nil if it was a category, which is in `set` then.
    private mutating func readMember(into set: inout CharacterClass) throws(JSONPathError) -> Unicode.Scalar? {
        guard let scalar = next else { throw invalid("a ] is missing") }
        position += 1
        switch scalar {
        case "\\": return try readEscape(into: &set)
        case "[", "]": throw invalid("\(scalar) in a class is escaped")
        default: return scalar
        }
    }

    /// What follows a backslash; nil if it was a category, which is in `set` then.
    private mutating func readEscape(into set: inout CharacterClass) throws(JSONPathError) -> Unicode.Scalar? {
        guard let scalar = next else { throw invalid("a backslash at the end") }
        position += 1
        switch scalar {
        case "(", ")", "*", "+", "-", ".", "?", "[", "\\", "]", "^", "{", "|", "}": return scalar
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "p", "P":
            let bits = try readCategory()
            if scalar == "p" { set.inside |= bits } else { set.outside.append(bits) }
            return nil
        default: throw invalid("\\\(scalar) is no escape")
        }
    }

    private mutating func readCategory() throws(JSONPathError) -> UInt32 {
        guard skip("{") else { throw invalid("a { is expected") }
        var name = ""
        while let scalar = next, scalar != "}", name.unicodeScalars.count < 3 {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard skip("}"), let bits = UnicodeCategory.bits(named: name) else { throw invalid("no such category") }
        return bits
    }
}
