internal import Backbone
internal import Database
internal import EventModel
internal import Glibc
internal import Observability
internal import PostgresBackbone
internal import Store
internal import Synchronization

/// Runs the stages one after the other, then together at a fixed rate, then one event at a time.
struct StageBenchmark {
    private let settings: Settings
    private let pool: ConnectionPool
    private let configuration: PostgresBackboneConfiguration
    private let server: ServerCPU
    private let hasStatements: Bool
    private let logger = Logger(service: "bench", level: .warning)
    private let metrics = MetricsRegistry()

    init(_ database: DatabaseConfiguration, _ settings: Settings) async throws {
        self.settings = settings
        pool = ConnectionPool(database, name: "bench", logger: logger, metrics: metrics)
        try await Migrator(Schema.migrations, logger: logger).migrate(pool)
        configuration = PostgresBackboneConfiguration(database: database, member: "bench-\(getpid())")
        server = ServerCPU(backend: try await pool.execute(Self.backend).int32(0, 0))
        hasStatements = try await pool.execute(Self.extensionExists).bool(0, 0)
    }

    private static let backend = Statement("bench.backend", "select pg_backend_pid()")
    private static let extensionExists = Statement(
        "bench.statements", "select exists (select 1 from pg_extension where extname = 'pg_stat_statements')")
    private static let audited = Statement(
        "bench.audited", "select coalesce(last_value, 0) from pg_sequences where sequencename = 'webhook_audit_seq_seq'"
    )
    private static let calls = Statement(
        "bench.calls",
        """
        select coalesce(sum(calls), 0)::bigint from pg_stat_statements s join pg_database d on d.oid = s.dbid
        where d.datname = current_database() and toplevel and query not like '%pg_stat_statements%'
        """)

    func run() async throws {
        func wants(_ stage: String) -> Bool { settings.only == nil || settings.only == stage }
        if wants("append") || wants("fan-out") || wants("lanes") {
            try await appendStage()
        }
        if wants("fan-out") || wants("lanes") {
            try await fanOutStage()
        }
        if wants("lanes") {
            try await lanesStage()
        }
        if wants("rate") { try await rateStage() }
        if wants("idle") { try await idleStage() }
    }

    private func measure(_ name: String, count: Int, _ body: () async throws -> Void) async throws {
        let cpu = server.read()
        let own = ServerCPU.own()
        let calls = try await statementCalls()
        let start = ContinuousClock.now
        try await body()
        let seconds = start.duration(to: .now) / .seconds(1)
        let made = try await statementCalls() - calls
        print(
            """
            \(name): \(count) in \(text(seconds)) s, \(Int(Double(count) / seconds))/s; server \
            \(text(server.elapsed(since: cpu) * 1e6 / Double(count))) µs, client \
            \(text((ServerCPU.own() - own) * 1e6 / Double(count))) µs, \(text(Double(made) / Double(count), 4)) statements each
            """)
    }

    private func statementCalls() async throws -> Int {
        hasStatements ? try await pool.execute(Self.calls).int(0, 0) : 0
    }

    private func text(_ value: Double, _ digits: Int = 2) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        return "\((value * scale).rounded() / scale)"
    }

    // MARK: Stages

    private func events(_ count: Int, from number: Int) -> [NewEvent] {
        let now = SystemClock().now()
        let envelope = [UInt8](repeating: UInt8(ascii: "x"), count: settings.envelopeBytes)
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { index in
            let id = EventID(
                Ulid(
                    milliseconds: UInt64(now.milliseconds),
                    randomHigh: UInt16.random(in: .min ... .max, using: &random), randomLow: random.next()))
            let key = settings.isKeyed ? (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) } : nil
            let tenant =
                TenantID("ten_01HQ4ZK7W5X8Y9Z0A1B2C3D\((number + index) % 100)") ?? TenantID(Ulid(high: 0, low: 0))
            return NewEvent(
                id: id, tenant: tenant,
                type: ["issue.opened", "push.received", "agent.run.queued"][(number + index) % 3],
                smithID: nil, createdAt: now, dedupeKey: key, envelope: envelope)
        }
    }

    private func endpoints(_ row: FeedRow) -> [EndpointID] {
        (0..<settings.fanOut).map {
            EndpointID(
                Ulid(milliseconds: 1_780_000_000_000, randomHigh: 1, randomLow: UInt64((Int(row.pos) + $0 * 7) % 200)))
        }
    }

    private func appendStage() async throws {
        let log = PostgresEventLog(configuration, logger: logger, metrics: metrics)
        try await with(log.run, log.shutdown, isReady: { log.isReady }) {
            let batches = settings.events / settings.batch
            try await measure("append", count: settings.events) {
                try await withThrowingTaskGroup { group in
                    for writer in 0..<32 {
                        group.addTask {
                            for number in stride(from: writer, to: batches, by: 32) {
                                _ = try await log.append(events(settings.batch, from: number * settings.batch))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    private func fanOutStage() async throws {
        let fanOut = PostgresFanOut(configuration, logger: logger, metrics: metrics)
        try await with(fanOut.run, fanOut.shutdown, isReady: { fanOut.isReady }) {
            try await measure("fan-out", count: settings.events) {
                var left = settings.events
                while left > 0, let batch = try await fanOut.next() {
                    try await complete(batch, fanOut)
                    left -= batch.rows.count
                }
            }
        }
    }

    private func complete(_ batch: FanOutBatch, _ fanOut: PostgresFanOut) async throws {
        let deliveries = batch.rows.indices.flatMap { index in
            endpoints(batch.rows[index]).map { LaneDelivery(row: index, endpoint: $0, cause: .live) }
        }
        try await fanOut.complete(batch, deliveries: deliveries)
    }

    private func lanesStage() async throws {
        let lanes = PostgresLanes(configuration, logger: logger, metrics: metrics)
        try await with(lanes.run, lanes.shutdown, isReady: { lanes.isReady }) {
            let count = settings.events * settings.fanOut
            let before = try await pool.execute(Self.audited).int(0, 0)
            try await measure("receive+settle", count: count) {
                var left = count
                while left > 0, let signals = try await lanes.receive() {
                    try await lanes.settle(signals.records.map(outcome))
                    left -= signals.records.count
                }
                // Until the last outcome is recorded.
                while try await pool.execute(Self.audited).int(0, 0) < before + count {
                    try await ContinuousClock().sleep(for: .milliseconds(5))
                }
            }
        }
    }

    @Sendable private func outcome(_ record: LaneRecord) -> LaneOutcome {
        var audit = AttemptRecord(
            tenant: record.tenant, endpoint: record.endpoint, event: record.event, delivery: record.delivery,
            type: record.type, cause: record.cause, attempt: record.attempt, startedAt: SystemClock().now(),
            verdict: .delivered)
        audit.connect = 500
        audit.firstByte = 3_000
        audit.total = 3_100
        audit.status = 200
        audit.headersSHA256 = Self.hash
        audit.payloadSHA256 = Self.hash
        audit.responseHeaders = "content-type: application/json\ncontent-length: 2\n"
        audit.responseHead = Self.answer
        return LaneOutcome(record: record, audit: audit, next: .finished)
    }

    private static let hash = [UInt8](repeating: 0xAB, count: 32)
    private static let answer = Array("{}".utf8)

    // MARK: All at once

    private struct Chain {
        var log: PostgresEventLog
        var fanOut: PostgresFanOut
        var lanes: PostgresLanes
    }

    /// Runs log, fan-out, lanes, a matcher and a worker beside `body`.
    private func withChain(
        received: @escaping @Sendable ([LaneRecord]) -> Void, _ body: (Chain) async throws -> Void
    ) async throws {
        let chain = Chain(
            log: PostgresEventLog(configuration, logger: logger, metrics: metrics),
            fanOut: PostgresFanOut(configuration, logger: logger, metrics: metrics),
            lanes: PostgresLanes(configuration, logger: logger, metrics: metrics))
        try await with(chain.log.run, chain.log.shutdown, isReady: { chain.log.isReady }) {
            try await with(chain.fanOut.run, chain.fanOut.shutdown, isReady: { chain.fanOut.isReady }) {
                try await with(chain.lanes.run, chain.lanes.shutdown, isReady: { chain.lanes.isReady }) {
                    try await withThrowingTaskGroup { group in
                        group.addTask {
                            while let batch = try await chain.fanOut.next() { try await complete(batch, chain.fanOut) }
                        }
                        group.addTask {
                            while let signals = try await chain.lanes.receive() {
                                received(signals.records)
                                try await chain.lanes.settle(signals.records.map(outcome))
                            }
                        }
                        try await body(chain)
                        group.cancelAll()
                    }
                }
            }
        }
    }

    private func rateStage() async throws {
        let delivered = Counting()
        try await withChain(received: { delivered.add($0.count) }) { chain in
            let total = settings.rate * 10
            try await measure("all stages at \(settings.rate)/s", count: total) {
                let start = ContinuousClock.now
                try await withThrowingTaskGroup { group in
                    for number in 0..<(total / settings.batch) {
                        let due = start + .seconds(1) * (Double(number * settings.batch) / Double(settings.rate))
                        try await ContinuousClock().sleep(until: due, tolerance: .zero)
                        group.addTask {
                            _ = try await chain.log.append(events(settings.batch, from: number * settings.batch))
                        }
                    }
                    try await group.waitForAll()
                }
                while delivered.count < total * settings.fanOut {
                    try await ContinuousClock().sleep(for: .milliseconds(2))
                }
            }
        }
    }

    private func idleStage() async throws {
        let arrived = Arrivals()
        try await withChain(received: { _ in arrived.arrive() }) { chain in
            var appends: [Double] = []
            var chains: [Double] = []
            for number in 0..<300 {
                try await ContinuousClock().sleep(for: .milliseconds(20))
                let start = ContinuousClock.now
                _ = try await chain.log.append(events(1, from: number))
                appends.append(start.duration(to: .now) / .milliseconds(1))
                await arrived.wait(for: number + 1)
                chains.append(start.duration(to: .now) / .milliseconds(1))
            }
            appends.sort()
            chains.sort()
            print(
                """
                one event at a time: append p50 \(text(appends[150])) ms, p99 \(text(appends[297])) ms; append to receive \
                p50 \(text(chains[150])) ms, p99 \(text(chains[297])) ms
                """)
        }
    }

    private func with(
        _ run: @escaping @Sendable () async throws -> Void, _ shutdown: @escaping @Sendable () async -> Void,
        isReady: () -> Bool, _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await run() }
            while !isReady() { try await ContinuousClock().sleep(for: .milliseconds(2)) }
            try await body()
            await shutdown()
            try await group.waitForAll()
        }
    }
}

/// A count that several tasks add to.
final class Counting: Sendable {
    private let value = Atomic<Int>(0)

    var count: Int { value.load(ordering: .relaxed) }

    func add(_ count: Int) { value.wrappingAdd(count, ordering: .relaxed) }
}

/// Whoever waits for the n-th arrival.
final class Arrivals: Sendable {
    private struct State {
        var count = 0
        var waiter: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())

    func arrive() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.count += 1
            guard let waiter = state.waiter, waiter.count <= state.count else { return nil }
            state.waiter = nil
            return waiter.continuation
        }
        waiter?.resume()
    }

    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.count >= count { return true }
                state.waiter = (count, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
