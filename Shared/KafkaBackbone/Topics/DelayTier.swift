internal import EventModel

/// The delay topics: a record waits in one by its place in the log, then hops on until what is left is at most a second.
enum DelayTier: Int, CaseIterable {
    case second1, seconds5, seconds30, minutes2, minutes10, hour1

    /// How long a record waits here, in seconds.
    var seconds: Int64 {
        switch self {
        case .second1: 1
        case .seconds5: 5
        case .seconds30: 30
        case .minutes2: 120
        case .minutes10: 600
        case .hour1: 3_600
        }
    }

    /// Its place among the sources of a lane, of which the first is `deliveries`.
    var source: Int { rawValue + 1 }

    var name: String {
        switch self {
        case .second1: "delay.1s"
        case .seconds5: "delay.5s"
        case .seconds30: "delay.30s"
        case .minutes2: "delay.2m"
        case .minutes10: "delay.10m"
        case .hour1: "delay.1h"
        }
    }

    /// The tier for a record that is due in `microseconds`: the longest that does not make it late. Jitter only adds up
    /// to a second, so the usual steps take one hop.
    init(dueIn microseconds: Int64) {
        self = Self.allCases.last { $0.seconds * 1_000_000 <= microseconds } ?? .second1
    }

    /// When a record that came here at `logged` is to be looked at.
    ///
    /// Not later than a second before it is due: that second is waited in memory.
    func looksAt(logged: Timestamp, due: Timestamp) -> Timestamp {
        min(logged.adding(seconds: seconds), due.adding(seconds: -1))
    }
}
