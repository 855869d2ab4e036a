internal import EventCodec

/// A query: where it begins, and its segments.
struct PathQuery: Hashable, Sendable {
    /// Begins at the current value (`@`) and not at the root (`$`).
    var isRelative: Bool
    var segments: [PathSegment]

    /// At most one value, whatever the document is (RFC 9535 §2.3.5.1).
    var isSingular: Bool {
        segments.allSatisfy { segment in
            guard !segment.isDescendant, segment.selectors.count == 1 else { return false }
            switch segment.selectors[0] {
            case .name, .index: return true
            case .wildcard, .slice, .filter: return false
            }
        }
    }
}

struct PathSegment: Hashable, Sendable {
    /// `..`: applies to the value and to everything in it.
    var isDescendant: Bool
    var selectors: [PathSelector]
}

enum PathSelector: Hashable, Sendable {
    /// UTF-8, escapes resolved.
    case name([UInt8])
    case wildcard
    /// Negative counts from the end.
    case index(Int)
    case slice(PathSlice)
    case filter(PathCondition)
}

/// `start:end:step` (RFC 9535 §2.3.4).
struct PathSlice: Hashable, Sendable {
    var start: Int?
    var end: Int?
    var step: Int

    /// The indices that it selects from an array of `count` elements, in order.
    func indices(count: Int) -> StrideTo<Int> {
        func normal(_ index: Int) -> Int { index >= 0 ? index : count + index }
        guard step != 0 else { return stride(from: 0, to: 0, by: 1) }
        if step > 0 {
            let lower = min(max(normal(start ?? 0), 0), count)
            let upper = min(max(normal(end ?? count), 0), count)
            // Both lie in 0...count, so a step beyond `count` is the same as `count + 1`, and nothing overflows.
            return stride(from: lower, to: max(lower, upper), by: min(step, count + 1))
        }
        let upper = min(max(start.map(normal) ?? count - 1, -1), count - 1)
        let lower = min(max(end.map(normal) ?? -1, -1), count - 1)
        return stride(from: upper, to: min(lower, upper), by: max(step, -count - 1))
    }
}

/// A logical expression.
indirect enum PathCondition: Hashable, Sendable {
    case any([PathCondition])
    case all([PathCondition])
    case not(PathCondition)
    case exists(PathQuery)
    case comparison(PathOperand, PathComparison, PathOperand)
    case matches(PathMatch)
}

enum PathComparison: Hashable, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
}

/// What stands in a comparison or is a function's argument of type value.
indirect enum PathOperand: Hashable, Sendable {
    case text([UInt8])
    case number(PathNumber)
    case bool(Bool)
    case null
    /// Singular.
    case query(PathQuery)
    case length(PathOperand)
    case count(PathQuery)
    case value(PathQuery)
}

/// `match` and `search`.
struct PathMatch: Hashable, Sendable {
    enum Pattern: Hashable, Sendable {
        /// A literal, compiled when the query was parsed; nil if it is no regular expression, which matches nothing.
        case literal(Regexp?)
        case operand(PathOperand)
    }

    var subject: PathOperand
    var pattern: Pattern
    /// `match`: the whole string, not some part of it.
    var isWhole: Bool
}

/// A number: whole ones that fit are compared exactly, since ids of 64 bits are no `Double`.
enum PathNumber: Hashable, Sendable {
    case int(Int64)
    case double(Double)

    /// - Parameter text: A number as RFC 8259 writes it.
    init(_ text: some StringProtocol) {
        if let int = Int64(text) {
            self = .int(int)
        } else {
            self = .double(Double(text) ?? .nan)
        }
    }

    private var double: Double {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        }
    }

    static func isEqual(_ left: PathNumber, _ right: PathNumber) -> Bool {
        if case .int(let left) = left, case .int(let right) = right { return left == right }
        return left.double == right.double
    }

    static func isLess(_ left: PathNumber, _ right: PathNumber) -> Bool {
        if case .int(let left) = left, case .int(let right) = right { return left < right }
        return left.double < right.double
    }
}
