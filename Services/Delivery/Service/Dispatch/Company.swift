internal import EventModel

/// Whether one endpoint has the worker to itself: then its records may fill the window, since nobody waits behind them.
struct Company: Sendable {
    /// The endpoint of the last record.
    private(set) var current: EndpointID?
    /// When a record came whose endpoint was not that of the one before it.
    private var mixedAt: Timestamp?

    mutating func saw(_ endpoint: EndpointID, at now: Timestamp) {
        if let current, current != endpoint { mixedAt = now }
        current = endpoint
    }

    func isAlone(at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        mixedAt.map { now.microseconds(since: $0) > policy.companyMemory } ?? true
    }
}
