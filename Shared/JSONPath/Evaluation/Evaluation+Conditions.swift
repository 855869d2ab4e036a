internal import EventCodec

/// A value of a comparison: one of the document's, or one that was computed or written.
enum PathValue {
    /// An empty query, or a function without a result.
    case nothing
    case value(Int)
    case text([UInt8])
    case number(PathNumber)
    case bool(Bool)
    case null
}

extension Evaluation {
    /// Whether a condition holds for the current value.
    mutating func holds(_ condition: PathCondition, current: Int) -> Bool {
        guard spend() else { return false }
        switch condition {
        case .any(let conditions):
            for condition in conditions where holds(condition, current: current) { return true }
            return false
        case .all(let conditions):
            for condition in conditions where !holds(condition, current: current) { return false }
            return true
        case .not(let condition):
            return !holds(condition, current: current)
        case .exists(let query):
            var exists = false
            visit(query, current: current) { _ in
                exists = true
                return false
            }
            return exists
        case .comparison(let left, let comparison, let right):
            return compare(resolve(left, current: current), comparison, resolve(right, current: current))
        case .matches(let match):
            return matches(match, current: current)
        }
    }

    mutating func resolve(_ operand: PathOperand, current: Int) -> PathValue {
        switch operand {
        case .text(let bytes): return .text(bytes)
        case .number(let number): return .number(number)
        case .bool(let claim): return .bool(claim)
        case .null: return .null
        case .query(let query), .value(let query):
            // `value` of several is nothing; a singular query has no second one.
            var found = PathValue.nothing
            var count = 0
            visit(query, current: current) {
                count += 1
                found = .value($0)
                return count < 2
            }
            return count == 1 ? found : .nothing
        case .count(let query):
            var count: Int64 = 0
            visit(query, current: current) { _ in
                count += 1
                return true
            }
            return .number(.int(count))
        case .length(let operand):
            return length(of: resolve(operand, current: current))
        }
    }

    private mutating func length(of value: PathValue) -> PathValue {
        if let bytes = bytes(of: value) {
            guard spend(bytes.count / 64) else { return .nothing }
            return .number(.int(Int64(bytes.count { $0 & 0xC0 != 0x80 })))
        }
        guard case .value(let value) = value else { return .nothing }
        switch outline.kind(of: value) {
        case .array, .object: return .number(.int(Int64(outline.childCount(of: value))))
        case .string, .number, .true, .false, .null: return .nothing
        }
    }

    /// The characters, if the value is a string.
    mutating func bytes(of value: PathValue) -> [UInt8]? {
        switch value {
        case .text(let bytes): return bytes
        case .value(let value):
            guard spend(outline.range(of: value).count / 64) else { return nil }
            return outline.withString(of: value) { Array($0) }
        case .nothing, .number, .bool, .null: return nil
        }
    }

    // MARK: Comparisons (RFC 9535 §2.3.5.2.2)

    private mutating func compare(_ left: PathValue, _ comparison: PathComparison, _ right: PathValue) -> Bool {
        switch comparison {
        case .equal: isEqual(left, right)
        case .notEqual: !isEqual(left, right)
        case .less: isLess(left, right)
        case .lessOrEqual: isLess(left, right) || isEqual(left, right)
        case .greater: isLess(right, left)
        case .greaterOrEqual: isLess(right, left) || isEqual(left, right)
        }
    }

    private mutating func isEqual(_ left: PathValue, _ right: PathValue) -> Bool {
        switch (scalar(left), scalar(right)) {
        case (.nothing, .nothing), (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.number(let left), .number(let right)): return PathNumber.isEqual(left, right)
        case (.text(let left), .text(let right)): return left == right
        case (.value(let left), .value(let right)): return isEqual(container: left, right)
        // A string of the document stays where it is.
        case (.value(let value), .text(let bytes)), (.text(let bytes), .value(let value)):
            guard spend(bytes.count / 64) else { return false }
            return outline.withString(of: value) { $0.elementsEqual(bytes) } ?? false
        case (.nothing, _), (.null, _), (.bool, _), (.number, _), (.text, _), (.value, _): return false
        }
    }

    private mutating func isLess(_ left: PathValue, _ right: PathValue) -> Bool {
        if case .number(let left) = scalar(left), case .number(let right) = scalar(right) {
            return PathNumber.isLess(left, right)
        }
        guard let left = bytes(of: left), let right = bytes(of: right) else { return false }
        // The order of UTF-8 is the order of the scalars.
        return left.lexicographicallyPrecedes(right)
    }

    /// The value with what the document says put in its place; strings and containers stay where they are.
    private func scalar(_ value: PathValue) -> PathValue {
        guard case .value(let index) = value else { return value }
        switch outline.kind(of: index) {
        case .number: return .number(PathNumber(String(decoding: outline.bytes(of: index), as: UTF8.self)))
        case .true: return .bool(true)
        case .false: return .bool(false)
        case .null: return .null
        case .string, .array, .object: return value
        }
    }

    /// Equality of two strings, arrays or objects of the document.
    private mutating func isEqual(container left: Int, _ right: Int) -> Bool {
        let kind = outline.kind(of: left)
        guard left != right else { return true }
        guard spend(), kind == outline.kind(of: right) else { return false }
        switch kind {
        case .string:
            guard let bytes = bytes(of: .value(left)) else { return false }
            return outline.withString(of: right) { $0.elementsEqual(bytes) } ?? false
        case .array, .object:
            guard outline.childCount(of: left) == outline.childCount(of: right) else { return false }
            return kind == .array ? isEqual(array: left, right) : isEqual(object: left, right)
        case .number, .true, .false, .null:
            return isEqual(.value(left), .value(right))
        }
    }

    private mutating func isEqual(array left: Int, _ right: Int) -> Bool {
        var (first, second) = (left + 1, right + 1)
        while first < outline.end(of: left) {
            guard isEqual(.value(first), .value(second)) else { return false }
            (first, second) = (outline.end(of: first), outline.end(of: second))
        }
        return true
    }

    private mutating func isEqual(object left: Int, _ right: Int) -> Bool {
        var child = left + 1
        while child < outline.end(of: left) {
            guard spend(1 + outline.childCount(of: right) / 4), let key = outline.key(of: child),
                let other = outline.member(key, of: right), isEqual(.value(child), .value(other))
            else { return false }
            child = outline.end(of: child)
        }
        return true
    }
}
