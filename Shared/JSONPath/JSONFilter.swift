public import EventCodec

/// A condition on a document: a logical expression of RFC 9535 §2.3.5 in which both `$` and `@` are the document.
///
/// A bare query asks whether it finds anything, so each of these is a filter:
///
///     $.data.amount > 100 && $.data.currency == 'EUR'
///     $.data.labels[?@.name == 'urgent']
///     !match($.data.branch, 'release/.*')
public struct JSONFilter: Hashable, Sendable, CustomStringConvertible {
    /// The condition as it was written.
    public let text: String
    private let condition: PathCondition
    private let steps: Int

    /// - Throws: every code but `tooMuchWork`.
    public init(_ text: String, limits: JSONPathLimits = .standard) throws(JSONPathError) {
        var parser = try PathParser(text, limits: limits)
        self.condition = try parser.parseCondition()
        self.text = text
        self.steps = limits.steps
    }

    public var description: String { text }

    /// Whether it holds for the document.
    /// - Throws: `tooMuchWork`.
    public func matches(_ outline: JSONOutline) throws(JSONPathError) -> Bool {
        var budget = steps
        return try matches(outline, budget: &budget)
    }

    /// As `matches(_:)`, where several evaluations share a budget of steps; each has at most its own limit of it.
    public func matches(_ outline: JSONOutline, budget: inout Int) throws(JSONPathError) -> Bool {
        let allowed = min(steps, max(0, budget))
        var evaluation = Evaluation(outline, steps: allowed)
        let holds = evaluation.holds(condition, current: JSONOutline.root)
        budget -= allowed - max(0, evaluation.steps)
        try evaluation.check()
        return holds
    }
}
