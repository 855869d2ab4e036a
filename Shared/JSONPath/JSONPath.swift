public import EventCodec

/// A JSONPath query (RFC 9535): parsed and checked once, evaluated against any number of documents.
///
///     let path = try JSONPath("$.commits[?@.author.name == 'Ada'].id")
///     let outline = try JSONOutline(body)
///     for value in try path.values(in: outline) { … outline.bytes(of: value) … }
///
/// An evaluation takes a bounded number of steps and no memory but its results; regular expressions run in linear time.
public struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    /// The query as it was written.
    public let text: String
    let query: PathQuery
    private let steps: Int

    /// - Throws: every code but `tooMuchWork`.
    public init(_ text: String, limits: JSONPathLimits = .standard) throws(JSONPathError) {
        var parser = try PathParser(text, limits: limits)
        self.query = try parser.parseQuery()
        self.text = text
        self.steps = limits.steps
    }

    public var description: String { text }

    /// Whether it finds at most one value in any document.
    public var isSingular: Bool { query.isSingular }

    /// What it finds, in the order of RFC 9535; a value may be found twice.
    /// - Throws: `tooMuchWork`.
    public func values(in outline: JSONOutline) throws(JSONPathError) -> [Int] {
        var budget = steps
        return try values(in: outline, budget: &budget)
    }

    /// As `values(in:)`, where several evaluations share a budget of steps; each has at most its own limit of it.
    public func values(in outline: JSONOutline, budget: inout Int) throws(JSONPathError) -> [Int] {
        var found: [Int] = []
        try visit(outline, &budget) {
            found.append($0)
            return true
        }
        return found
    }

    /// The first value that it finds.
    /// - Throws: `tooMuchWork`.
    public func first(in outline: JSONOutline) throws(JSONPathError) -> Int? {
        var budget = steps
        return try first(in: outline, budget: &budget)
    }

    /// As `first(in:)`, where several evaluations share a budget of steps.
    public func first(in outline: JSONOutline, budget: inout Int) throws(JSONPathError) -> Int? {
        var found: Int?
        try visit(outline, &budget) {
            found = $0
            return false
        }
        return found
    }

    private func visit(_ outline: JSONOutline, _ budget: inout Int, _ body: (Int) -> Bool) throws(JSONPathError) {
        let allowed = min(steps, max(0, budget))
        var evaluation = Evaluation(outline, steps: allowed)
        evaluation.visit(query, current: JSONOutline.root, body)
        budget -= allowed - max(0, evaluation.steps)
        try evaluation.check()
    }
}
