internal import Store

/// What is to become of an installation's partitions: decided from what was asked for and what there is. No I/O.
struct GrowthPlan: Sendable, Hashable {
    var from: PartitionCounts
    var to: PartitionCounts

    /// More than this no service takes (`events.partitions`, `lanes.partitions`).
    static let range = 1...1024

    var isNothing: Bool { from == to }

    /// - Parameters:
    ///   - events, lanes: The counts that are asked for; nil: as they are.
    ///   - unfinished: A growth that was begun and did not end: it is the only one that may go on.
    /// - Throws: `usage`.
    init(
        events: Int?, lanes: Int?, known: PartitionCounts, unfinished: PartitionGrowth.Unfinished?
    ) throws(ToolError) {
        try Self.checkAsked(events, lanes)
        if let unfinished {
            let to = unfinished.to
            guard events ?? to.events == to.events, lanes ?? to.lanes == to.lanes else {
                throw ToolError(
                    .usage,
                    "partitions are growing to \(to.events) of events and \(to.lanes) of lanes already: end that first, with --events \(to.events) --lanes \(to.lanes)"
                )
            }
            self.init(from: unfinished.from, to: to)
            return
        }
        self.init(from: known, to: PartitionCounts(events: events ?? known.events, lanes: lanes ?? known.lanes))
        try Self.check("events", known.events, to.events)
        try Self.check("lanes", known.lanes, to.lanes)
    }

    private init(from: PartitionCounts, to: PartitionCounts) {
        self.from = from
        self.to = to
    }

    /// Something has to be asked for; known before anything is looked at.
    static func checkAsked(_ events: Int?, _ lanes: Int?) throws(ToolError) {
        guard events != nil || lanes != nil else {
            throw ToolError(.usage, "say what is to grow: --events N, --lanes N, or both")
        }
    }

    private static func check(_ what: String, _ known: Int, _ wanted: Int) throws(ToolError) {
        guard wanted < known else { return }
        throw ToolError(
            .usage,
            "there are \(known) partitions of \(what), and \(wanted) are fewer: what lies in the others would be lost, so partitions only grow"
        )
    }

    /// For people, a line each.
    var text: String {
        let rows = [("events", from.events, to.events), ("lanes", from.lanes, to.lanes)].map { name, from, to in
            InstallationStatus.padded(name, 8) + (from == to ? "\(from), as they are" : "\(from) → \(to)")
        }
        return rows.joined(separator: "\n") + "\n"
    }
}
