internal import EventModel

/// Stops sending to an endpoint that only fails, and tries again with one probe at a time. A value: the caller brings the
/// time.
struct Breaker: Sendable {
    struct Policy: Sendable {
        /// So many failures in a row open it.
        var failures = 10
        /// Microseconds between two probes while it is open.
        var probeInterval: Int64 = 30_000_000
    }

    private enum State: Sendable {
        case closed(failures: Int)
        /// One probe may start at `probeAt`; `probing` while it is under way.
        case open(since: Timestamp, probeAt: Timestamp, probing: Bool)
    }

    private var state: State = .closed(failures: 0)

    /// Whether an attempt may start now. Asking for an open breaker's probe takes it.
    mutating func admits(at now: Timestamp) -> Bool {
        switch state {
        case .closed:
            return true
        case .open(let since, let probeAt, let probing):
            guard !probing, now >= probeAt else { return false }
            state = .open(since: since, probeAt: probeAt, probing: true)
            return true
        }
    }

    /// A probe that was taken and never sent: the next one may start at once.
    mutating func releaseProbe() {
        guard case .open(let since, let probeAt, true) = state else { return }
        state = .open(since: since, probeAt: probeAt, probing: false)
    }

    /// When it is worth asking again; nil while it is closed.
    var nextProbe: Timestamp? {
        guard case .open(_, let probeAt, _) = state else { return nil }
        return probeAt
    }

    /// When a probe may start; nil while it is closed, or while one is under way.
    var probeTime: Timestamp? {
        guard case .open(_, let probeAt, false) = state else { return nil }
        return probeAt
    }

    /// Since when it has been open.
    var openSince: Timestamp? {
        guard case .open(let since, _, _) = state else { return nil }
        return since
    }

    var isOpen: Bool {
        if case .open = state { return true }
        return false
    }

    /// Whether there is anything to remember.
    var hasFailures: Bool {
        if case .closed(failures: 0) = state { return false }
        return true
    }

    /// - Returns: True when this closed an open breaker.
    @discardableResult
    mutating func succeeded() -> Bool {
        let wasOpen = isOpen
        state = .closed(failures: 0)
        return wasOpen
    }

    /// - Returns: True when this opened it.
    @discardableResult
    mutating func failed(at now: Timestamp, policy: Policy) -> Bool {
        switch state {
        case .closed(let failures) where failures + 1 < policy.failures:
            state = .closed(failures: failures + 1)
            return false
        case .closed:
            state = .open(since: now, probeAt: now.adding(microseconds: policy.probeInterval), probing: false)
            return true
        case .open(let since, _, let probing):
            // What was in flight when it opened fails too; only the probe's own end moves the next probe.
            guard probing else { return false }
            state = .open(since: since, probeAt: now.adding(microseconds: policy.probeInterval), probing: false)
            return false
        }
    }
}
