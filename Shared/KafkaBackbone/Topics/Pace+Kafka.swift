internal import Backbone

extension Pace {
    /// For whoever writes to the log or fetches from it. A request costs the processes and the broker together about as
    /// much as seventy records, so records gather from some hundred a second on, where that still costs no more than
    /// milliseconds.
    static func ofRequests(longest: Duration) -> Pace { Pace(longest: longest, calm: 400, full: 4_000) }
}
