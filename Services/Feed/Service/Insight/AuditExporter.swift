internal import Database
internal import EventCodec
internal import HTTPServer
internal import Observability
internal import Store
internal import Synchronization

/// Writes exports of the audit to their clients, a page at a time and as fast as each takes it: at most `limit` at once.
///
/// An answer that ends is whole; one that cannot be ended is cut off, so that a client sees the difference.
final class AuditExporter: Sendable {
    /// One export under way.
    private struct Job: Sendable {
        let stream: ResponseStream
        let filter: AuditExportFilter
        let after: Int64?
    }

    private struct State {
        var running = 0
        var isEnding = false
    }

    private let queries: AuditExportQueries
    private let limit: Int
    private let patience: Duration
    private let log: LimitedLogger
    private let jobs: AsyncStream<Job>
    private let submit: AsyncStream<Job>.Continuation
    private let state = Mutex(State())

    /// Bytes that wait for a client: with a page of rows, all that an export holds.
    private static let queueBytes = 256 << 10
    private static let pieceBytes = 64 << 10
    /// How long a writer that began before us may take to commit: longer than any statement's limit.
    private static let writersLimit: Duration = .seconds(6)
    private static let writersPoll: Duration = .milliseconds(20)
    /// While Postgres is away.
    private static let retries = 20
    private static let retryInterval: Duration = .milliseconds(250)

    init(queries: AuditExportQueries, limit: Int, patience: Duration, log: LimitedLogger) {
        self.queries = queries
        self.limit = limit
        self.patience = patience
        self.log = log
        (jobs, submit) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    /// Begins an export; nil when as many as may are under way.
    func begin(_ filter: AuditExportFilter, after: Int64?) -> ResponseStream? {
        let isFree = state.withLock { state in
            guard state.running < limit, !state.isEnding else { return false }
            state.running += 1
            return true
        }
        guard isFree else { return nil }
        let stream = ResponseStream(capacity: Self.queueBytes)
        if case .terminated = submit.yield(Job(stream: stream, filter: filter, after: after)) { stream.abort() }
        return stream
    }

    /// Writes until `end` or the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs {
                group.addTask {
                    await self.write(job)
                    self.state.withLock { $0.running -= 1 }
                }
            }
            group.cancelAll()
        }
    }

    /// Cuts off what is under way: an export takes as long as its client wants.
    func end() {
        state.withLock { $0.isEnding = true }
        submit.finish()
    }

    private var isEnding: Bool { Task.isCancelled || state.withLock(\.isEnding) }

    private func write(_ job: Job) async {
        do {
            var position = try await begin(job)
            var json = JSONWriter(capacity: Self.pieceBytes * 2)
            while let rows = try await next(&position) {
                for row in rows {
                    json.object { AuditView.write(row, tenant: job.filter.tenant, to: &$0) }
                    json.endLine()
                    if json.bytes.count >= Self.pieceBytes, await !push(&json, to: job.stream) { return }
                }
                if isEnding { return job.stream.abort() }
            }
            if await push(&json, to: job.stream) { job.stream.end() }
        } catch {
            log.warning("export-cut-off", ["reason": .describing(error)])
            job.stream.abort()
        }
    }

    private func push(_ json: inout JSONWriter, to stream: ResponseStream) async -> Bool {
        defer { json.removeAll() }
        return await stream.pushWhenRoom(json.bytes, patience: patience)
    }

    /// Waits for writers whose rows have lower numbers than the end and are not there yet: an export that goes on behind
    /// this one would never see them.
    private func begin(_ job: Job) async throws -> AuditExportQueries.Position {
        let position = try await queries.begin(job.filter, after: job.after)
        let mark = try await queries.writersMark()
        let deadline = ContinuousClock.now + Self.writersLimit
        while try await !queries.isSettled(mark), ContinuousClock.now < deadline {
            try await Task.sleep(for: Self.writersPoll)
        }
        return position
    }

    /// The next rows; a page that failed because Postgres was away for a moment is asked for again.
    private func next(_ position: inout AuditExportQueries.Position) async throws -> [AuditRow]? {
        for _ in 0..<Self.retries where !isEnding {
            let failure: DatabaseError
            do throws(DatabaseError) {
                return try await queries.next(&position)
            } catch {
                failure = error
            }
            guard failure.isRetryable else { throw failure }
            try await Task.sleep(for: Self.retryInterval)
        }
        return try await queries.next(&position)
    }
}
