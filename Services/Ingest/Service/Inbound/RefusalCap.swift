internal import Addresses
internal import EventModel

/// Decides which refusals get a row of their own: so many of a source in a minute; the others are counted, and the counts
/// get one row for each door that was meant, when the minute is over. So a flood of bad signatures fills nothing. No
/// clock, no lock.
struct RefusalCap: Sendable {
    /// Rows a source and minute.
    static let rows = 30
    /// Sources that are told apart in a minute; the others share one count.
    static let sources = 10_000
    /// Doors that are told apart of one source; the others share one count.
    static let doors = 16

    /// Whose door was meant; nothing of it for a path that leads nowhere.
    struct Door: Hashable, Sendable {
        var tenant: TenantID?
        var channel = ""
        var integration: String?
    }

    /// What was left out of one source's minute at one door.
    struct Remainder: Sendable, Equatable {
        /// Nil for the sources that are not told apart.
        var source: IPAddress?
        var door: Door
        /// Unix time of the minute's beginning, in seconds.
        var minute: Int64
        var count: Int
    }

    private struct Tally {
        var rows = 0
        var leftOut: [Door: Int] = [:]
    }

    private var minute: Int64 = 0
    private var tallies: [IPAddress?: Tally] = [:]

    /// Counts a refusal.
    /// - Returns: Whether it gets a row.
    mutating func admits(_ source: IPAddress?, _ door: Door) -> Bool {
        let key = tallies[source] != nil || tallies.count < Self.sources ? source : nil
        var tally = tallies[key] ?? Tally()
        defer { tallies[key] = tally }
        guard tally.rows >= Self.rows else {
            tally.rows += 1
            return true
        }
        let isTold = tally.leftOut[door] != nil || tally.leftOut.count < Self.doors
        tally.leftOut[isTold ? door : Door(), default: 0] += 1
        return false
    }

    /// Ends the minute when it is over; to be called before `admits` and now and then.
    ///
    /// - Parameter second: Unix time in seconds.
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
        tallies.flatMap { source, tally in
            tally.leftOut.map { Remainder(source: source, door: $0.key, minute: minute, count: $0.value) }
        }
    }
}
