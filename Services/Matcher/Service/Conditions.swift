internal import Backbone
internal import EventCodec
internal import EventModel
internal import JSONPath

/// What the index found for a batch of rows, before conditions on envelopes were judged.
struct MatchedRows {
    var deliveries: [LaneDelivery] = []
    /// Deliveries that depend on the envelope, by rising index.
    var conditions: [(delivery: Int, filter: JSONFilter)] = []

    /// The rows whose envelopes are needed, rising.
    var conditionalRows: [Int] {
        var rows: [Int] = []
        for condition in conditions {
            let row = deliveries[condition.delivery].row
            if rows.last != row { rows.append(row) }
        }
        return rows
    }
}

/// Judges the conditions of a batch, one envelope after the other.
///
/// An envelope that is not there, no JSON, or too much work to judge leaves its deliveries in: an endpoint can pass over what
/// it did not want, and cannot ask for what it did not get.
struct Judgement {
    /// What all filters of an event may cost together, in steps of JSONPath: some ten milliseconds.
    private static let budget = 500_000

    private let matched: MatchedRows
    private var judged = 0
    /// Indices of deliveries whose condition does not hold.
    private(set) var dropped: Set<Int> = []

    init(_ matched: MatchedRows) { self.matched = matched }

    /// Conditions that nobody could judge.
    var unjudged: Int { matched.conditions.count - judged }

    var deliveries: [LaneDelivery] {
        guard !dropped.isEmpty else { return matched.deliveries }
        return matched.deliveries.indices.filter { !dropped.contains($0) }.map { matched.deliveries[$0] }
    }

    mutating func judge(row: Int, _ envelope: [UInt8]) {
        guard let outline = try? JSONOutline(envelope) else { return }
        var budget = Self.budget
        for condition in matched.conditions[range(of: row)] {
            guard let holds = try? condition.filter.matches(outline, budget: &budget) else { continue }
            judged += 1
            if !holds { dropped.insert(condition.delivery) }
        }
    }

    /// The conditions of a row: deliveries stand in order of their rows.
    private func range(of row: Int) -> Range<Int> {
        func first(from row: Int) -> Int {
            var (low, high) = (0, matched.conditions.count)
            while low < high {
                let middle = (low + high) / 2
                if matched.deliveries[matched.conditions[middle].delivery].row < row {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
        return first(from: row)..<first(from: row + 1)
    }
}
