import Backbone
import Database
import EventModel
import MatcherService
import Observability
import PostgresBackbone
import Store
import Synchronization
import TestSupport

@testable import DeliveryService

/// A delivery worker as the service wires it, in a process of a test's installation; its endpoints are the test's.
final class CursorWorker<Process: BackboneProcess>: Sendable {
    let process: Process
    let engine: CursorEngine
    let sender: ScriptedSender
    private let worker: DeliveryWorker
    private let follower: RevisionFollower
    private let pool: ConnectionPool
    private let outcomes: OutcomeQueue
    private let disabling: EndpointDisabler
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(_ process: Process, name: String, endpoints: ScriptedEndpoints) {
        self.process = process
        var database = process.database
        database.connections = 3
        let pool = ConnectionPool(
            database, name: "worker", logger: TestDatabase.quietLogger, metrics: MetricsRegistry())
        self.pool = pool
        let book = EndpointBook()
        let revisions = RevisionStore(pool: pool)
        let follower = RevisionFollower(store: revisions, logger: TestDatabase.quietLogger) { changes in
            book.apply(changes.revisions, spans: changes.spans)
        }
        let outcomes = OutcomeQueue()
        let disabling = EndpointDisabler(
            store: EndpointStateStore(pool), clock: SystemClock(), logger: TestDatabase.quietLogger,
            metrics: MetricsRegistry())
        let metrics = MetricsRegistry()
        let dispatcher = Dispatcher(
            book: book, lanes: process.lanes, policy: Self.policy, clock: SystemClock(),
            random: SecureDispatchRandomness(), instruments: DispatchInstruments(metrics),
            settle: { outcomes.add($0) }, disable: { disabling.add($0) })
        let sender = ScriptedSender(name, endpoints, dispatcher)
        let engine = CursorEngine(
            feed: PostgresFeedCursors(pool: pool), history: { try await revisions.history(of: $0, from: $1) },
            follower: follower, book: book, dispatcher: dispatcher, sender: sender, clock: SystemClock(),
            logger: TestDatabase.quietLogger, metrics: metrics)
        self.sender = sender
        self.engine = engine
        self.outcomes = outcomes
        self.disabling = disabling
        self.follower = follower
        worker = DeliveryWorker(
            lanes: process.lanes, follower: follower, dispatcher: dispatcher, sender: sender, outcomes: outcomes,
            disabling: disabling, cursors: engine, logger: TestDatabase.quietLogger)
    }

    /// So small that everything happens soon.
    private static var policy: DispatchPolicy {
        var policy = DispatchPolicy()
        policy.maySwitch = true
        policy.inFlight = 64
        policy.inFlightPerEndpoint = 8
        policy.firstInFlight = 4
        policy.waitingPerEndpoint = 24
        policy.waitingWhileOpen = 6
        policy.waitingTotal = 96
        policy.switchAfter = 1_000_000
        policy.switchPause = 500_000
        policy.breakerFailures = 3
        policy.breakerProbeInterval = 200_000
        policy.postponement = 200_000
        policy.companyMemory = .max
        return policy
    }

    func start() {
        let worker = worker
        let follower = follower
        tasks.withLock { tasks in
            tasks.append(Task { await follower.run() })
            tasks.append(
                Task {
                    do {
                        try await worker.run()
                    } catch {
                        // Ended by the test.
                    }
                })
        }
    }

    /// As SIGTERM would.
    func shutdown() async {
        await worker.shutdown()
        await end()
    }

    /// As SIGKILL would: what is under way reaches nobody any more, and nothing is recorded.
    func kill() async {
        sender.die()
        await process.kill()
        engine.stop()
        outcomes.close()
        disabling.close()
        await end()
    }

    private func end() async {
        let running = tasks.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
        await pool.shutdown()
    }
}

/// What the endpoints of a test do now, and what has reached them.
final class ScriptedEndpoints: Sendable {
    enum Behaviour: CaseIterable, Sendable {
        case answers, refuses, isSlow
    }

    /// An attempt that reached an endpoint.
    struct Arrival: Sendable {
        var event: EventID
        var endpoint: EndpointID
        /// Whose it was: a process and an epoch of its lane.
        var worker: String
        var epoch: Int64
        var attempt: Int
        var source: Int
        /// It was answered with 200.
        var isAccepted: Bool

        var owner: String { "\(worker) \(epoch)" }
    }

    private struct State {
        var behaviours: [EndpointID: Behaviour] = [:]
        var arrivals: [Arrival] = []
    }

    private let state = Mutex(State())

    func set(_ behaviour: Behaviour, of endpoint: EndpointID) { state.withLock { $0.behaviours[endpoint] = behaviour } }
    func behaviour(of endpoint: EndpointID) -> Behaviour { state.withLock { $0.behaviours[endpoint] ?? .answers } }
    func arrived(_ arrival: Arrival) { state.withLock { $0.arrivals.append(arrival) } }
    var arrivals: [Arrival] { state.withLock { $0.arrivals } }
}

/// Sends to scripted endpoints.
final class ScriptedSender: AttemptSender {
    private let name: String
    private let endpoints: ScriptedEndpoints
    private let dispatcher: Dispatcher
    private let isDead = Atomic(false)

    init(_ name: String, _ endpoints: ScriptedEndpoints, _ dispatcher: Dispatcher) {
        self.name = name
        self.endpoints = endpoints
        self.dispatcher = dispatcher
    }

    func die() { isDead.store(true, ordering: .sequentiallyConsistent) }

    func start(_ attempts: [PendingAttempt]) {
        for attempt in attempts where !isDead.load(ordering: .sequentiallyConsistent) {
            let record = attempt.record
            let behaviour = endpoints.behaviour(of: record.endpoint)
            endpoints.arrived(
                ScriptedEndpoints.Arrival(
                    event: record.event, endpoint: record.endpoint, worker: name, epoch: record.handle.epoch,
                    attempt: record.attempt, source: record.handle.source, isAccepted: behaviour != .refuses))
            Task {
                try await ContinuousClock().sleep(for: behaviour == .isSlow ? .milliseconds(60) : .milliseconds(2))
                guard !isDead.load(ordering: .sequentiallyConsistent) else { return }
                var result = AttemptResult()
                result.status = behaviour == .refuses ? 503 : 200
                dispatcher.finish(
                    [
                        EndedAttempt(
                            token: attempt.token, result: result,
                            audit: AttemptRecord(record, startedAt: SystemClock().now(), verdict: .retrying))
                    ], sender: self)
            }
        }
    }
}
