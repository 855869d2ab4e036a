extension PathParser {
    /// `logical-expr`.
    mutating func readCondition() throws(JSONPathError) -> PathCondition {
        let alternatives = try readList(of: 0x7C) { (parser) throws(JSONPathError) in
            let conditions = try parser.readList(of: 0x26) { (parser) throws(JSONPathError) in
                try parser.readBasicCondition()
            }
            return conditions.count == 1 ? conditions[0] : .all(conditions)
        }
        return alternatives.count == 1 ? alternatives[0] : .any(alternatives)
    }

    /// Items with two `mark` between them.
    private mutating func readList(
        of mark: UInt8, _ item: (inout PathParser) throws(JSONPathError) -> PathCondition
    ) throws(JSONPathError) -> [PathCondition] {
        var items = [try item(&self)]
        while true {
            let start = position
            skipSpace()
            guard next == mark, byte(after: 1) == mark else {
                position = start
                return items
            }
            position += 2
            skipSpace()
            items.append(try item(&self))
        }
    }

    /// `basic-expr`: something in parentheses, a comparison or a test.
    private mutating func readBasicCondition() throws(JSONPathError) -> PathCondition {
        let isNegated = skip(0x21)
        if isNegated { skipSpace() }
        if skip(0x28) {
            let condition = try nested { (parser) throws(JSONPathError) in
                parser.skipSpace()
                let condition = try parser.readCondition()
                parser.skipSpace()
                try parser.expect(0x29)
                return condition
            }
            return isNegated ? .not(condition) : condition
        }
        let start = position
        let term = try readTerm()
        if isNegated { return .not(try condition(of: term, at: start)) }
        let end = position
        skipSpace()
        guard let comparison = skipComparison() else {
            position = end
            return try condition(of: term, at: start)
        }
        skipSpace()
        let right = position
        let other = try readTerm()
        return .comparison(try operand(of: term, at: start), comparison, try operand(of: other, at: right))
    }

    private mutating func skipComparison() -> PathComparison? {
        let second = byte(after: 1)
        let comparison: PathComparison
        switch (next, second) {
        case (0x3D, 0x3D): comparison = .equal
        case (0x21, 0x3D): comparison = .notEqual
        case (0x3C, 0x3D): comparison = .lessOrEqual
        case (0x3E, 0x3D): comparison = .greaterOrEqual
        case (0x3C, _): comparison = .less
        case (0x3E, _): comparison = .greater
        default: return nil
        }
        position += second == 0x3D ? 2 : 1
        return comparison
    }

    // MARK: Terms

    /// What is not yet known to be a test, a side of a comparison or an argument.
    private enum Term {
        case literal(PathOperand)
        case query(PathQuery)
        case value(PathOperand)
        case logical(PathCondition)
    }

    private mutating func readTerm() throws(JSONPathError) -> Term {
        switch next {
        case 0x24, 0x40:
            let isRelative = next == 0x40
            position += 1
            return .query(PathQuery(isRelative: isRelative, segments: try readSegments()))
        case 0x22, 0x27: return .literal(.text(try readString()))
        case 0x2D?, (0x30...0x39)?: return .literal(.number(try readNumber()))
        case (0x61...0x7A)?: return try readWord()
        default: throw unexpected("a query, a literal or a function is expected")
        }
    }

    /// A function, or one of the three words that are literals.
    private mutating func readWord() throws(JSONPathError) -> Term {
        let start = position
        while let byte = next, (0x61...0x7A).contains(byte) || byte == 0x5F || (0x30...0x39).contains(byte) {
            position += 1
        }
        let word = String(decoding: text[start..<position], as: UTF8.self)
        if skip(0x28) {
            return try nested { (parser) throws(JSONPathError) in try parser.readCall(of: word, at: start) }
        }
        switch word {
        case "true": return .literal(.bool(true))
        case "false": return .literal(.bool(false))
        case "null": return .literal(.null)
        default: throw JSONPathError(.syntax, "text stands in quotes", at: start)
        }
    }

    private func condition(of term: Term, at start: Int) throws(JSONPathError) -> PathCondition {
        switch term {
        case .query(let query): return .exists(query)
        case .logical(let condition): return condition
        case .literal: throw JSONPathError(.type, "a literal alone is no condition", at: start)
        case .value: throw JSONPathError(.type, "the function's value must be compared with something", at: start)
        }
    }

    private func operand(of term: Term, at start: Int) throws(JSONPathError) -> PathOperand {
        switch term {
        case .literal(let operand), .value(let operand): return operand
        case .query(let query):
            guard query.isSingular else {
                throw JSONPathError(.type, "a query of which one value is wanted has names and indices only", at: start)
            }
            return .query(query)
        case .logical: throw JSONPathError(.type, "this function's result is a condition, no value", at: start)
        }
    }

    private func query(of term: Term, at start: Int) throws(JSONPathError) -> PathQuery {
        guard case .query(let query) = term else {
            throw JSONPathError(.type, "this argument is a query", at: start)
        }
        return query
    }

    // MARK: Functions (RFC 9535 §2.4)

    private mutating func readCall(of name: String, at start: Int) throws(JSONPathError) -> Term {
        let arguments = try readArguments()
        func demand(_ count: Int) throws(JSONPathError) {
            guard arguments.count == count else {
                throw JSONPathError(.type, "\(name) takes \(count) argument\(count == 1 ? "" : "s")", at: start)
            }
        }
        switch name {
        case "length":
            try demand(1)
            return .value(.length(try operand(of: arguments[0].term, at: arguments[0].start)))
        case "count":
            try demand(1)
            return .value(.count(try query(of: arguments[0].term, at: arguments[0].start)))
        case "value":
            try demand(1)
            return .value(.value(try query(of: arguments[0].term, at: arguments[0].start)))
        case "match", "search":
            try demand(2)
            let subject = try operand(of: arguments[0].term, at: arguments[0].start)
            let pattern = try operand(of: arguments[1].term, at: arguments[1].start)
            return .logical(.matches(Self.match(subject, pattern, isWhole: name == "match")))
        default:
            throw JSONPathError(
                .unknownFunction, "known functions are length, count, value, match and search", at: start)
        }
    }

    private static func match(_ subject: PathOperand, _ pattern: PathOperand, isWhole: Bool) -> PathMatch {
        guard case .text(let bytes) = pattern else {
            return PathMatch(subject: subject, pattern: .operand(pattern), isWhole: isWhole)
        }
        let regexp = try? Regexp(String(decoding: bytes, as: UTF8.self))
        return PathMatch(subject: subject, pattern: .literal(regexp), isWhole: isWhole)
    }

    private mutating func readArguments() throws(JSONPathError) -> [(term: Term, start: Int)] {
        skipSpace()
        if skip(0x29) { return [] }
        var arguments: [(Term, Int)] = []
        while true {
            let start = position
            arguments.append((try readTerm(), start))
            skipSpace()
            if skip(0x29) { return arguments }
            try expect(0x2C)
            skipSpace()
        }
    }
}
