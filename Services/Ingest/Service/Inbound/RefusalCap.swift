internal import Addresses

/// Decides which refusals get a row of their own: so many of a source in a minute; the others are counted, and the count
/// gets one row when the minute is over. So a flood of bad signatures fills nothing. No clock, no lock.
struct RefusalCap: Sendable {
    /// Rows a source and minute.
    static let rows = 30
    /// Sources that are told apart in a minute; the others share one count.
    static let sources = 10_000

    /// What was left out of one source's minute.
    struct Remainder: Sendable, Equatable {
        /// Nil for the sources that are not told apart.
        var source: IPAddress?
        /// Unix time of the minute's beginning, in seconds.
        var minute: Int64
        var count: Int
    }

    private struct Tally {
        var rows = 0
        var leftOut = 0
    }

    private var minute: Int64 = 0
    private var tallies: [IPAddress?: Tally] = [:]

    /// - Parameter second: Unix time in seconds.
    /// - Returns: Whether this refusal gets a row.
    mutating func admits(_ source: IPAddress?, at second: Int64) -> Bool {
        let key = tallies[source] != nil || tallies.count < Self.sources ? source : nil
        var tally = tallies[key] ?? Tally()
        let isAdmitted = tally.rows < Self.rows
        if isAdmitted { tally.rows += 1 } else { tally.leftOut += 1 }
        tallies[key] = tally
        return isAdmitted
    }

    /// Ends the minute when it is over; to be called before `admits` and now and then.
    /// - Returns: What was left out in it.
    mutating func turn(to second: Int64) -> [Remainder] {
        let current = second / 60 * 60
        guard current != minute else { return [] }
        defer {
            minute = current
            tallies = [:]
        }
        return remainders
    }

    /// What has been left out so far.
    var remainders: [Remainder] {
        tallies.filter { $0.value.leftOut > 0 }.map {
            Remainder(source: $0.key, minute: minute, count: $0.value.leftOut)
        }
    }
}
