import Addresses
import Crypto
import EventModel
import HTTPServer
import Inbound
import IngestService
import Observability
import Store
import Synchronization
import TestSupport

/// An ingest on a socket, with a log and a directory of the test's.
final class IngestBench: Sendable {
    let log: FakeLog
    let directory = FakeDirectory()
    let clock: ManualClock
    let inbound: InboundSetup
    let triggers = FakeTriggers()
    /// What the audit wrote, and what went with events.
    let records = RecordLog()
    /// Seals the secrets of integrations.
    let box: SecretBox
    let metrics = MetricsRegistry()
    let port: UInt16
    private let server: HTTPServer
    private let service: IngestService

    private init(trust: ProxyTrust, configuration: HTTPServerConfiguration) throws {
        let logger = Logger(service: "ingest", sink: CapturingLogSink())
        let records = records
        log = FakeLog(records: records)
        clock = ManualClock(start: Timestamp(seconds: 1_780_000_000))
        box = try SecretBox(current: .generate())
        let audit = InboundAudit(clock: clock, metrics: metrics, logger: logger) { batch in
            records.add(batch)
        }
        inbound = InboundSetup(
            book: IntegrationBook(box: box, metrics: metrics, logger: logger),
            gate: InboundGate(trust: trust, clock: clock, audit: audit, metrics: metrics), audit: audit,
            triggers: triggers)
        service = IngestService(
            log: log, directory: directory, inbound: inbound, clock: clock, metrics: metrics, logger: logger)
        server = HTTPServer(
            configuration: configuration, handler: service.router, logger: logger, metrics: metrics)
        port = try server.start()
    }

    /// Runs `body` with a running ingest.
    static func with(
        trust: ProxyTrust = ProxyTrust(), configuration: HTTPServerConfiguration = HTTPServerConfiguration(),
        _ body: @Sendable @escaping (IngestBench) async throws -> Void
    ) async throws {
        let bench = try IngestBench(trust: trust, configuration: configuration)
        try await withThrowingTaskGroup { group in
            group.addTask { await bench.server.run() }
            group.addTask { await bench.service.run() }
            group.addTask { await bench.inbound.audit.run() }
            do {
                try await body(bench)
            } catch {
                await bench.end()
                throw error
            }
            await bench.end()
            try await group.waitForAll()
        }
    }

    private func end() async {
        log.release()
        await server.shutdown(deadline: .seconds(5))
        service.shutdown()
        inbound.audit.shutdown()
    }

    /// One request on a connection of its own.
    func post(
        _ path: String, _ body: String, token: String? = "writer", type: String? = "application/json",
        headers: [(String, String)] = []
    ) async throws -> RawResponse {
        let port = port
        return try await onThread {
            let connection = try RawConnection(port: port)
            defer { connection.close() }
            var lines = headers
            if let token { lines.append(("Authorization", "Bearer \(token)")) }
            if let type { lines.append(("Content-Type", type)) }
            return try connection.request("POST", path, headers: lines, body: Array(body.utf8))
        }
    }
}

final class FakeDirectory: IngestDirectory {
    static let tenant = TenantID(Ulid(high: 1, low: 1))
    static let workspace = WorkspaceID(Ulid(high: 2, low: 2))
    static let lateWorkspace = WorkspaceID(Ulid(high: 2, low: 3))
    let ignoresRequestID = Mutex(false)
    let rate = Mutex<Double?>(nil)
    static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    let requirement = Mutex(SenderRequirement.none)

    func principal(token: String) -> DirectoryAnswer<Principal> {
        switch token {
        case "writer": .found(Principal(tenant: Self.tenant, mayWriteEvents: true))
        case "reader": .found(Principal(tenant: Self.tenant, mayWriteEvents: false))
        case "operator": .found(Principal(tenant: nil, mayWriteEvents: true))
        case "late", "never", "outage": .unknown
        default: .none
        }
    }

    func lookUp(token: String) async -> DirectoryAnswer<Principal> {
        switch token {
        case "late": .found(Principal(tenant: Self.tenant, mayWriteEvents: true))
        case "outage": .unknown
        default: .none
        }
    }

    func workspace(_ id: WorkspaceID) -> DirectoryAnswer<WorkspaceDoor> {
        switch id {
        case Self.workspace: .found(door(id))
        case Self.lateWorkspace: .unknown
        default: .none
        }
    }

    func lookUp(workspace id: WorkspaceID) async -> DirectoryAnswer<WorkspaceDoor> {
        id == Self.lateWorkspace ? .found(door(id)) : .none
    }

    let tenants = Mutex<Set<TenantID>>([FakeDirectory.tenant])

    var onlyTenant: TenantID? { tenants.withLock { $0.count == 1 ? $0.first : nil } }

    func hasTenant(_ id: TenantID) -> Bool { tenants.withLock { $0.contains(id) } }

    private func door(_ id: WorkspaceID) -> WorkspaceDoor {
        WorkspaceDoor(
            id: id, tenant: Self.tenant, ignoresRequestID: ignoresRequestID.withLock { $0 },
            ratePerSecond: rate.withLock { $0 }, requirement: requirement.withLock { $0 }, secrets: [Self.secret])
    }
}
