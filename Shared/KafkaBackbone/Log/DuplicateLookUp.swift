internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// Tells publishers about duplicates as well as can be done at once: what it says is right, what it does not say the feed
/// finds out.
final class DuplicateLookUp: Sendable {
    private struct State {
        var keys: AcknowledgedKeys
        /// No look-up before this.
        var notBefore: ContinuousClock.Instant?
    }

    private let configuration: KafkaBackboneConfiguration
    private let pool: ConnectionPool
    private let logger: Logger
    private let state: Mutex<State>
    private let found: Counter
    private let missed: Counter

    init(_ configuration: KafkaBackboneConfiguration, logger: Logger, metrics: MetricsRegistry) {
        self.configuration = configuration
        self.logger = logger
        var database = configuration.database
        database.connections = Self.connections
        // A call that would have to wait is a call that misses its deadline.
        database.maximumWaiting = 8
        pool = ConnectionPool(database, name: "duplicates", logger: logger, metrics: metrics)
        state = Mutex(
            State(keys: AcknowledgedKeys(limit: configuration.appending.rememberedKeys, now: .now), notBefore: nil))
        found = metrics.counter("fanfare_log_duplicates_total", "Appended events whose key was known.")
        missed = metrics.counter(
            "fanfare_log_look_ups_missed_total", "Look-ups of duplicates that failed or took too long.")
    }

    func shutdown() async { await pool.shutdown() }

    /// Has the statement planned by each connection, so that the first request does not miss the deadline for it.
    func warmUp() async {
        await withTaskGroup { group in
            for _ in 0..<Self.connections {
                group.addTask { [self] in
                    do throws(DatabaseError) {
                        try await pool.execute(
                            DedupeLookUpStatement.statement,
                            DedupeLookUpStatement.parameters([], window: configuration.dedupeWindow))
                    } catch {
                        // The first request pays, then.
                        logger.debug("look-up of duplicates is not warm", ["reason": .describing(error)])
                    }
                }
            }
        }
    }

    private static let connections = 2

    /// For each event the id of the one that has its key, nil where there is none or nobody knows.
    func known(among events: [NewEvent]) async -> [EventID?] {
        var known = [EventID?](repeating: nil, count: events.count)
        var unknown: [(index: Int, key: DedupeKey)] = []
        let mayAsk = state.withLock { state in
            state.keys.expire(now: .now)
            for (index, event) in events.enumerated() {
                guard let bytes = event.dedupeKey, let key = DedupeKey(bytes) else { continue }
                if let id = state.keys[key] { known[index] = id } else { unknown.append((index, key)) }
            }
            return state.notBefore.map { $0 <= .now } ?? true
        }
        if mayAsk, !unknown.isEmpty, pool.isHealthy {
            let stored = await lookUp(unknown.map(\.key))
            for (index, key) in unknown { known[index] = stored[key] }
        }
        let duplicates = known.count { $0 != nil }
        if duplicates > 0 { found.increment(by: duplicates) }
        return known
    }

    private func lookUp(_ keys: [DedupeKey]) async -> [DedupeKey: EventID] {
        do throws(DatabaseError) {
            let rows = try await pool.execute(
                DedupeLookUpStatement.statement,
                DedupeLookUpStatement.parameters(keys, window: configuration.dedupeWindow),
                timeout: configuration.appending.lookUpLimit)
            return DedupeLookUpStatement.answer(rows)
        } catch {
            // Late or away: publishers are not made to wait for it again for a while.
            missed.increment()
            state.withLock { $0.notBefore = .now + configuration.appending.lookUpPause }
            return [:]
        }
    }

    /// Remembers what was acknowledged; twins within the process are told apart here, in the order of their answers.
    func remember(_ append: inout PendingAppend, _ events: [NewEvent]) {
        let twins = state.withLock { state in
            var twins: [(Int, EventID)] = []
            for index in append.produced {
                guard case .stored(_, isDuplicate: false) = append.receipts[index], let bytes = events[index].dedupeKey,
                    let key = DedupeKey(bytes)
                else { continue }
                if let winner = state.keys.add(key, events[index].id, now: .now) { twins.append((index, winner)) }
            }
            return twins
        }
        for (index, winner) in twins { append.duplicate(index, of: winner) }
        if !twins.isEmpty { found.increment(by: twins.count) }
    }
}
