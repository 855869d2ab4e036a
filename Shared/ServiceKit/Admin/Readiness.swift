public import Observability
internal import Synchronization

/// Whether a program should be sent work, as a closed set of conditions. `/readyz` and the metric `fanfare_ready` tell it.
///
/// A condition counts once somebody has said how to look at it; until `started()` the program is not ready whatever they
/// say, and after `beginShutdown()` never again.
public final class Readiness: Sendable {
    /// Everything that can keep a program from being ready. The raw values are what operators see.
    public enum Condition: String, Sendable, CaseIterable {
        /// The program is still putting itself together.
        case starting
        /// The program is ending.
        case shutdown
        /// Postgres answers.
        case database
        /// The schema's version is in the range that this program understands.
        case schema
        /// The event log takes appends.
        case log
        /// This matcher owns partitions, or knows that others own them all.
        case fanOut = "fan-out"
        /// This worker owns delivery lanes, or knows that others own them all.
        case lanes
        /// The audit projector keeps its place in its log.
        case projector
        /// A snapshot of tenants, webhooks and tokens is in hand.
        case configuration
        /// This machine's clock agrees with the store's.
        case clock
        /// The port for clients is open.
        case listener
    }

    private struct State {
        var conditions: [(Condition, @Sendable () -> Bool)] = []
        var isStarted = false
        var isEnding = false
        /// What the log was told last.
        var reported: [Condition]?
    }

    private let state = Mutex(State())
    private let logger: Logger

    public init(logger: Logger, metrics: MetricsRegistry) {
        self.logger = logger
        metrics.observedGauge("fanfare_ready", "1 while the program should be sent work.") { [weak self] in
            self?.failing().isEmpty == true ? 1 : 0
        }
    }

    /// From now on the program is ready only while `isMet` is true.
    ///
    /// - Parameter isMet: called from any thread for each probe; must not block.
    public func require(_ condition: Condition, _ isMet: @escaping @Sendable () -> Bool) {
        precondition(condition != .starting && condition != .shutdown, "these two are this type's own")
        state.withLock { $0.conditions.append((condition, isMet)) }
    }

    /// All conditions have been named.
    public func started() { state.withLock { $0.isStarted = true } }

    /// Never ready again.
    public func beginShutdown() { state.withLock { $0.isEnding = true } }

    public var isReady: Bool { failing().isEmpty }

    /// The conditions that do not hold, each once, in the order of their declaration.
    public func failing() -> [Condition] {
        let (conditions, isStarted, isEnding) = state.withLock { ($0.conditions, $0.isStarted, $0.isEnding) }
        var failing = Set(conditions.filter { !$0.1() }.map(\.0))
        if !isStarted { failing.insert(.starting) }
        if isEnding { failing.insert(.shutdown) }
        let ordered = Condition.allCases.filter(failing.contains)
        report(ordered)
        return ordered
    }

    /// A line in the log for each change that a probe sees.
    private func report(_ failing: [Condition]) {
        let isNew = state.withLock { state in
            guard state.reported != failing else { return false }
            state.reported = failing
            return true
        }
        guard isNew else { return }
        if failing.isEmpty {
            logger.info("ready")
        } else {
            logger.info("not ready", ["failing": .string(failing.map(\.rawValue).joined(separator: ","))])
        }
    }
}
