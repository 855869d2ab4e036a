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
        var found: [Int] = []
        var evaluation = Evaluation(outline, steps: steps)
        evaluation.visit(query, current: JSONOutline.root) {
            found.append($0)
            return true
        }
        try evaluation.check()
        return found
    }

    /// The first value that it finds.
    /// - Throws: `tooMuchWork`.
    public func first(in outline: JSONOutline) throws(JSONPathError) -> Int? {
        var found: Int?
        var evaluation = Evaluation(outline, steps: steps)
        evaluation.visit(query, current: JSONOutline.root) {
            found = $0
            return false
        }
        try evaluation.check()
        return found
    }
}
