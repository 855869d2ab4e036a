internal import Crypto
public import Database
public import EventModel
public import Observability
public import Signing
internal import Synchronization

/// Who may do what: tokens, tenants and workspaces, all of them in memory, so that no request costs a statement and doors
/// stay open while Postgres is away.
///
/// Follows the database by notification and by looking at a version every two seconds. What was made a moment ago works at
/// once: a key that the snapshot lacks is looked up, at most 16 at a time and each at most once a second.
///
///     switch await directory.authenticate(token) {
///     case .known(let bearer): …          // bearer.tenant, bearer.scopes
///     case .unknown: throw HTTPError.unauthorized()
///     case .undecided: throw HTTPError.unavailable("…")
///     }
public final class Directory: Sendable {
    /// An answer that needs the database only for what is new.
    public enum Finding<Value: Sendable>: Sendable {
        case known(Value)
        case unknown
        /// Not in memory, and the database could not be asked. The fault is ours: 503, never 401 or 404.
        case undecided
    }

    private struct State {
        var snapshot = DirectorySnapshot.empty
        /// What look-ups found since the snapshot was read.
        var newTokens: [SHA256Digest: Bearer] = [:]
        var newWorkspaces: [WorkspaceID: WorkspaceRecord] = [:]
        var tokenGate = LookupGate<SHA256Digest>(limit: 16, memory: .seconds(1), capacity: 10_000)
        var workspaceGate = LookupGate<WorkspaceID>(limit: 16, memory: .seconds(1), capacity: 10_000)
    }

    private static let channel = "fanfare_directory"
    private static let pollInterval: Duration = .seconds(2)
    private static let lookupTimeout: Duration = .seconds(2)
    /// While changes pour in, loading takes at most a fifth of the time.
    private static let restAfterLoad = 4
    private static let retryInterval: Duration = .milliseconds(500)

    private let database: any StatementExecutor
    private let listener: Listener?
    private let clock: any WallClock
    private let log: LimitedLogger
    private let wake: WakeSignal
    private let state = Mutex(State())
    private let age = SnapshotAge()
    private let loads: Counter
    private let lookups: Counter

    /// - Parameter listen: where to listen for changes; nil: polling alone tells.
    public init(
        database: any StatementExecutor, listen: DatabaseConfiguration?, clock: any WallClock = SystemClock(),
        logger: Logger, metrics: MetricsRegistry
    ) {
        let wake = WakeSignal()
        self.database = database
        self.clock = clock
        log = logger.limited()
        self.wake = wake
        listener = listen.map { configuration in
            Listener(
                configuration, channels: [Self.channel], name: "directory", logger: logger, metrics: metrics,
                onNotify: { _, _ in wake.set() }, onReconnect: { wake.set() })
        }
        age.tell(metrics, snapshot: "directory")
        loads = metrics.counter("fanfare_directory_loads_total", "Times the directory was read from Postgres.")
        lookups = metrics.counter(
            "fanfare_directory_lookups_total", "Tokens and workspaces that were looked up because memory lacked them.")
        metrics.observedGauge("fanfare_directory_tokens", "Tokens in the directory.") { [weak self] in
            Double(self?.state.withLock { $0.snapshot.tokens.count } ?? 0)
        }
    }

    /// Whether a snapshot is in hand: from then on requests can be judged, whatever becomes of Postgres.
    public var isLoaded: Bool { version >= 0 }

    /// The directory's version in memory, −1 before the first load.
    public var version: Int64 { state.withLock { $0.snapshot.version } }

    // MARK: Asking

    /// Who presents this token, as far as memory knows; nil says nothing about what is new.
    public func bearer(of token: AccessToken) -> Bearer? {
        let digest = token.digest
        let found = state.withLock { $0.snapshot.tokens[digest] ?? $0.newTokens[digest] }
        guard let found, isValid(found) else { return nil }
        return found
    }

    /// Who presents this token. One statement at most, and none for what has no token's form.
    public func authenticate(_ text: String) async -> Finding<Bearer> {
        guard let token = AccessToken(text) else { return .unknown }
        if let bearer = bearer(of: token) { return .known(bearer) }
        switch state.withLock({ $0.tokenGate.ask(token.digest, now: .now) }) {
        case .unknown: return .unknown
        case .busy: return .undecided
        case .lookUp: break
        }
        lookups.increment()
        do throws(DatabaseError) {
            let version = version
            let bearer = try await DirectoryQueries.bearer(token.digest, database, timeout: Self.lookupTimeout)
            state.withLock { state in
                state.tokenGate.finished(token.digest, isKnown: bearer != nil, now: .now)
                // A snapshot that was read meanwhile knows better: the token may have been revoked.
                if state.snapshot.version == version { state.newTokens[token.digest] = bearer }
            }
            guard let bearer, isValid(bearer) else { return .unknown }
            return .known(bearer)
        } catch {
            state.withLock { $0.tokenGate.finished(token.digest, isKnown: nil, now: .now) }
            return .undecided
        }
    }

    /// The workspace of that id, as far as memory knows.
    public func workspace(_ id: WorkspaceID) -> WorkspaceRecord? {
        state.withLock { $0.snapshot.workspaces[id] ?? $0.newWorkspaces[id] }
    }

    /// The workspace of that id; at most one statement.
    public func findWorkspace(_ id: WorkspaceID) async -> Finding<WorkspaceRecord> {
        if let record = workspace(id) { return .known(record) }
        switch state.withLock({ $0.workspaceGate.ask(id, now: .now) }) {
        case .unknown: return .unknown
        case .busy: return .undecided
        case .lookUp: break
        }
        lookups.increment()
        do throws(DatabaseError) {
            let version = version
            let record = try await DirectoryQueries.workspace(id, database, timeout: Self.lookupTimeout)
            state.withLock { state in
                state.workspaceGate.finished(id, isKnown: record != nil, now: .now)
                if state.snapshot.version == version { state.newWorkspaces[id] = record }
            }
            return record.map { .known($0) } ?? .unknown
        } catch {
            state.withLock { $0.workspaceGate.finished(id, isKnown: nil, now: .now) }
            return .undecided
        }
    }

    /// Whether there is such a tenant, as far as memory knows.
    public func hasTenant(_ id: TenantID) -> Bool { state.withLock { $0.snapshot.tenants[id] != nil } }

    /// The only tenant there is; nil where there are several or none.
    public var onlyTenant: TenantID? {
        state.withLock { $0.snapshot.tenants.count == 1 ? $0.snapshot.tenants.keys.first : nil }
    }

    private func isValid(_ bearer: Bearer) -> Bool { bearer.expiresAt.map { clock.now() < $0 } ?? true }

    // MARK: Following

    /// Loads the directory and follows it until the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            if let listener { group.addTask { await listener.run() } }
            await follow()
        }
    }

    /// Looks at once whether the directory has changed; for whoever has just changed it.
    public func refresh() { wake.set() }

    private func follow() async {
        while !Task.isCancelled {
            let began = ContinuousClock.now
            do throws(DatabaseError) {
                let isNew = try await loadIfChanged()
                // A rest, so that a script that makes a thousand tokens does not read the directory a thousand times.
                if isNew, ContinuousClock.now - began > .milliseconds(5) {
                    try? await ContinuousClock().sleep(for: (ContinuousClock.now - began) * Self.restAfterLoad)
                }
                await wake.wait(atMost: Self.pollInterval)
            } catch {
                log.warning("directory-not-read", ["reason": .describing(error)])
                await wake.wait(atMost: Self.retryInterval)
            }
        }
    }

    /// - Returns: whether there was something new.
    @discardableResult
    public func loadIfChanged() async throws(DatabaseError) -> Bool {
        let known = version
        let asked = ContinuousClock.now
        if known >= 0, try await DirectoryQueries.version(database) == known {
            age.confirm(at: asked)
            return false
        }
        let snapshot = try await DirectoryQueries.load(database)
        age.confirm(at: asked)
        loads.increment()
        // Freed outside the lock: it may be large.
        let old = state.withLock { state in
            defer {
                state.snapshot = snapshot
                state.newTokens = [:]
                state.newWorkspaces = [:]
                state.tokenGate.forget()
                state.workspaceGate.forget()
            }
            return state.snapshot
        }
        withExtendedLifetime(old) {}
        return true
    }
}
