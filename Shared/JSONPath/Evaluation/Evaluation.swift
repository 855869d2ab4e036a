internal import EventCodec

/// One evaluation of a query against one document: counts its steps and gives up when they are spent.
///
/// Values are visited depth first, which is the order of RFC 9535, so a test for existence ends at the first hit and no list
/// is built between segments.
struct Evaluation {
    let outline: JSONOutline
    /// What is left to spend; negative when it was not enough.
    private(set) var steps: Int
    private var isSpent = false
    private var compiled: (pattern: [UInt8], regexp: Regexp?)?
    private var scratch = RegexpScratch()

    init(_ outline: JSONOutline, steps: Int) {
        self.outline = outline
        self.steps = steps
    }

    /// Throws if the evaluation was given up; its result means nothing then.
    func check() throws(JSONPathError) {
        if isSpent { throw JSONPathError(.tooMuchWork, "the evaluation takes too many steps") }
    }

    /// Counts work. False when there is none left.
    mutating func spend(_ count: Int = 1) -> Bool {
        steps -= count
        guard steps >= 0 else {
            isSpent = true
            return false
        }
        return true
    }

    /// Calls `body` with each value that the query finds until it returns false.
    mutating func visit(_ query: PathQuery, current: Int, _ body: (Int) -> Bool) {
        _ = visit(query.segments[...], query.isRelative ? current : JSONOutline.root, body)
    }

    /// Applies what is left of the segments to one value. False to stop everything.
    private mutating func visit(_ segments: ArraySlice<PathSegment>, _ value: Int, _ body: (Int) -> Bool) -> Bool {
        guard let segment = segments.first else { return body(value) }
        let rest = segments.dropFirst()
        // Everything in a value stands behind it, in the order of the RFC.
        let end = segment.isDescendant ? outline.end(of: value) : value + 1
        for origin in value..<end {
            guard spend() else { return false }
            for selector in segment.selectors {
                guard select(selector, from: origin, rest, body) else { return false }
            }
        }
        return true
    }

    private mutating func select(
        _ selector: PathSelector, from value: Int, _ rest: ArraySlice<PathSegment>, _ body: (Int) -> Bool
    ) -> Bool {
        switch selector {
        case .name(let name):
            guard outline.kind(of: value) == .object else { return true }
            guard spend(1 + outline.childCount(of: value) / 4) else { return false }
            guard let member = outline.member(name, of: value) else { return true }
            return visit(rest, member, body)
        case .index(let index):
            guard outline.kind(of: value) == .array else { return true }
            let count = outline.childCount(of: value)
            let place = index >= 0 ? index : count + index
            guard (0..<count).contains(place) else { return true }
            guard spend(1 + place / 4) else { return false }
            guard let element = outline.element(place, of: value) else { return true }
            return visit(rest, element, body)
        case .wildcard:
            return forEachChild(of: value) { evaluation, child in evaluation.visit(rest, child, body) }
        case .slice(let slice):
            return select(slice, from: value, rest, body)
        case .filter(let condition):
            return forEachChild(of: value) { evaluation, child in
                let holds = evaluation.holds(condition, current: child)
                return holds ? evaluation.visit(rest, child, body) : !evaluation.isSpent
            }
        }
    }

    private mutating func forEachChild(of value: Int, _ body: (inout Evaluation, Int) -> Bool) -> Bool {
        var child = value + 1
        let end = outline.end(of: value)
        while child < end {
            guard spend(), body(&self, child) else { return false }
            child = outline.end(of: child)
        }
        return true
    }

    private mutating func select(
        _ slice: PathSlice, from value: Int, _ rest: ArraySlice<PathSegment>, _ body: (Int) -> Bool
    ) -> Bool {
        guard outline.kind(of: value) == .array else { return true }
        let count = outline.childCount(of: value)
        guard spend(1 + count) else { return false }
        var elements: [Int] = []
        elements.reserveCapacity(count)
        var child = value + 1
        for _ in 0..<count {
            elements.append(child)
            child = outline.end(of: child)
        }
        for index in slice.indices(count: count) {
            guard visit(rest, elements[index], body) else { return false }
        }
        return true
    }

    // MARK: Regular expressions

    /// Whether the string matches; false for an expression that is none (RFC 9535 §2.4.6).
    mutating func matches(_ match: PathMatch, current: Int) -> Bool {
        let regexp: Regexp?
        switch match.pattern {
        case .literal(let literal): regexp = literal
        case .operand(let operand):
            guard let pattern = bytes(of: resolve(operand, current: current)) else { return false }
            regexp = compile(pattern)
        }
        guard let regexp, let subject = bytes(of: resolve(match.subject, current: current)) else { return false }
        var steps = self.steps
        let found = subject.withUnsafeBytes {
            regexp.matches($0, isWhole: match.isWhole, steps: &steps, scratch: &scratch)
        }
        self.steps = steps
        if steps < 0 { isSpent = true }
        return found
    }

    /// An expression out of the document, most often the same for every value.
    private mutating func compile(_ pattern: [UInt8]) -> Regexp? {
        if let compiled, compiled.pattern == pattern { return compiled.regexp }
        // Compiling is linear in the pattern and in the program that comes of it.
        guard spend(pattern.count + 64) else { return nil }
        let regexp = try? Regexp(String(decoding: pattern, as: UTF8.self))
        guard spend(regexp?.size ?? 0) else { return nil }
        compiled = (pattern, regexp)
        return regexp
    }
}
