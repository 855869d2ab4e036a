/// Reads a query by the grammar of RFC 9535, appendix A: segments and selectors here, expressions and literals beside it.
struct PathParser {
    let text: [UInt8]
    var position = 0
    private let limits: JSONPathLimits
    private var depth = 0

    init(_ text: String, limits: JSONPathLimits) throws(JSONPathError) {
        guard text.utf8.count <= limits.bytes else {
            throw JSONPathError(.tooLarge, "a query has at most \(limits.bytes) bytes", at: limits.bytes)
        }
        self.text = Array(text.utf8)
        self.limits = limits
    }

    /// The whole text as a query that begins at the root.
    mutating func parseQuery() throws(JSONPathError) -> PathQuery {
        guard skip(0x24) else { throw unexpected("a query begins with $") }
        let segments = try readSegments()
        guard position == text.count else { throw unexpected("nothing may follow the query") }
        return PathQuery(isRelative: false, segments: segments)
    }

    /// The whole text as a logical expression, white space around it allowed.
    mutating func parseCondition() throws(JSONPathError) -> PathCondition {
        skipSpace()
        let condition = try readCondition()
        skipSpace()
        guard position == text.count else { throw unexpected("nothing may follow the condition") }
        return condition
    }

    // MARK: Tools

    var next: UInt8? { position < text.count ? text[position] : nil }

    func byte(after distance: Int) -> UInt8? {
        position + distance < text.count ? text[position + distance] : nil
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(JSONPathError) {
        guard skip(byte) else { throw unexpected("\(Unicode.Scalar(byte)) is expected") }
    }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    func unexpected(_ message: String) -> JSONPathError { JSONPathError(.syntax, message, at: position) }

    /// Runs `body` one level deeper.
    mutating func nested<Result>(
        _ body: (inout PathParser) throws(JSONPathError) -> Result
    ) throws(JSONPathError) -> Result {
        guard depth < limits.depth else {
            throw JSONPathError(.tooLarge, "nested deeper than \(limits.depth) levels", at: position)
        }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }

    // MARK: Segments

    /// Reads segments while there are any; white space before what is none is left for the caller.
    mutating func readSegments() throws(JSONPathError) -> [PathSegment] {
        var segments: [PathSegment] = []
        while true {
            let start = position
            skipSpace()
            guard next == 0x5B || next == 0x2E else {
                position = start
                return segments
            }
            guard segments.count < limits.segments else {
                throw JSONPathError(.tooLarge, "a query has at most \(limits.segments) segments", at: position)
            }
            segments.append(try readSegment())
        }
    }

    private mutating func readSegment() throws(JSONPathError) -> PathSegment {
        if next == 0x5B { return PathSegment(isDescendant: false, selectors: try readBrackets()) }
        try expect(0x2E)
        let isDescendant = skip(0x2E)
        if isDescendant, next == 0x5B { return PathSegment(isDescendant: true, selectors: try readBrackets()) }
        if skip(0x2A) { return PathSegment(isDescendant: isDescendant, selectors: [.wildcard]) }
        return PathSegment(isDescendant: isDescendant, selectors: [.name(try readShorthand())])
    }

    /// `member-name-shorthand`: letters, digits, underscore and everything beyond ASCII.
    private mutating func readShorthand() throws(JSONPathError) -> [UInt8] {
        let start = position
        while let byte = next {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF: position += 1
            case 0x30...0x39 where position > start: position += 1
            default:
                guard position > start else { throw unexpected("a name, * or [ is expected") }
                return Array(text[start..<position])
            }
        }
        guard position > start else { throw unexpected("a name, * or [ is expected") }
        return Array(text[start..<position])
    }

    private mutating func readBrackets() throws(JSONPathError) -> [PathSelector] {
        try expect(0x5B)
        var selectors: [PathSelector] = []
        repeat {
            skipSpace()
            selectors.append(try readSelector())
            skipSpace()
        } while skip(0x2C)
        try expect(0x5D)
        return selectors
    }

    private mutating func readSelector() throws(JSONPathError) -> PathSelector {
        switch next {
        case 0x22, 0x27: return .name(try readString())
        case 0x2A:
            position += 1
            return .wildcard
        case 0x3F:
            position += 1
            skipSpace()
            return .filter(try nested { (parser) throws(JSONPathError) in try parser.readCondition() })
        case 0x2D?, (0x30...0x39)?, 0x3A?: return try readIndexOrSlice()
        default: throw unexpected("a name in quotes, an index, a slice, * or ? is expected")
        }
    }

    private mutating func readIndexOrSlice() throws(JSONPathError) -> PathSelector {
        let start = next == 0x3A ? nil : try readInteger()
        let afterStart = position
        skipSpace()
        guard skip(0x3A) else {
            position = afterStart
            guard let start else { throw unexpected("an index is expected") }
            return .index(start)
        }
        var slice = PathSlice(start: start, end: nil, step: 1)
        skipSpace()
        if isAtInteger {
            slice.end = try readInteger()
            skipSpace()
        }
        if skip(0x3A) {
            skipSpace()
            if isAtInteger { slice.step = try readInteger() }
        }
        return .slice(slice)
    }

    private var isAtInteger: Bool { next.map { $0 == 0x2D || (0x30...0x39).contains($0) } ?? false }
}
