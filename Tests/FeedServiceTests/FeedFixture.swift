internal import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// A feed process in this process: a database of its own, the service on a socket, and two tenants with tokens.
struct FeedFixture: Sendable {
    let database: TestDatabase
    let pool: ConnectionPool
    let service: FeedService
    let directory: Directory
    let lanes: RecordedLanes
    let log: FixtureLog
    let metrics: MetricsRegistry
    let secrets: SecretBox
    let port: UInt16
    let operatorToken: String
    let acme: Party
    let other: Party

    /// A tenant and its tokens.
    struct Party: Sendable {
        let tenant: TenantID
        let admin: String
        let reader: String
        let writer: String
    }

    struct Answer: Sendable {
        let status: Int
        let json: JSONValue
        let raw: RawResponse
    }

    /// Sends a request as the bearer of a token.
    func call(
        _ method: String, _ target: String, as token: String?, _ body: String? = nil,
        headers: [(String, String)] = [], contentType: String = "application/json"
    ) async throws -> Answer {
        let port = port
        var headers = headers
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if body != nil { headers.append(("Content-Type", contentType)) }
        let sent = headers
        let raw = try await onThread {
            try RawConnection(port: port).request(method, target, headers: sent, body: body.map { Array($0.utf8) })
        }
        // A body that is no JSON, or has a key twice, is looked at as text.
        let json = (try? JSONValue(parsing: raw.body, limits: JSONLimits(depth: 64, bytes: 32 << 20))) ?? .null
        return Answer(status: raw.status, json: json, raw: raw)
    }

    /// Makes a webhook of `party` and returns its id.
    func webhook(_ party: Party, events: String = "[]") async throws -> EndpointID {
        let answer = try await call(
            "POST", "/v1/tenant/webhooks", as: party.admin, #"{"url":"https://example.com/hook","events":\#(events)}"#)
        return try #require(EndpointID(answer.json["id"]?.text ?? ""))
    }

    /// Puts events on the feed, as the log does; returns their ids.
    @discardableResult
    func append(
        _ count: Int = 1, to party: Party, type: String = "run.completed", smith: String? = nil,
        data: String = #"{"n":1}"#
    ) async throws -> [EventID] {
        let events = (0..<count).map { _ in NewEvent.sample(party.tenant, type: type, smith: smith, data: data) }
        _ = try await log.append(events)
        return events.map(\.id)
    }
}

extension NewEvent {
    static func sample(
        _ tenant: TenantID, type: String, smith: String? = nil, data: String = "{}",
        at now: Timestamp = SystemClock().now()
    ) -> NewEvent {
        guard let eventType = EventType(type) else { preconditionFailure("a test publishes valid types") }
        let id = EventID.make(at: now)
        return NewEvent(
            id: id, tenant: tenant, type: type, smithID: smith, createdAt: now,
            envelope: EnvelopeWriter.write(
                id: id, type: eventType, createdAt: now, tenant: tenant, smith: smith.flatMap { SmithID($0) },
                data: Array(data.utf8)))
    }
}

extension JSONValue {
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var bool: Bool? { if case .bool(let claim) = self { claim } else { nil } }
    var int: Int64? { if case .number(let number) = self { number.int } else { nil } }
    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    /// The ids of a page's elements.
    var ids: [String] { (self["data"]?.elements ?? []).compactMap { $0["id"]?.text } }
    var errorCode: String? { self["error"]?["code"]?.text }
}

/// The store call of the Postgres log, without its queue.
final class FixtureLog: TaskEventLog {
    private let pool: ConnectionPool
    private let wake = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ pool: ConnectionPool) { self.pool = pool }

    func onAppend(_ action: @escaping @Sendable () -> Void) { wake.withLock { $0 = action } }
    func run() async throws {}
    func shutdown() async {}
    var isReady: Bool { true }

    func store(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt] {
        var columns = EventColumns()
        for event in events { columns.append(event, part: event.tenant.partition(of: 12)) }
        let parameters = AppendStatement.parameters(columns, window: .seconds(86_400))
        do throws(DatabaseError) {
            try await pool.execute(AppendStatement.statement, parameters)
        } catch {
            throw BackboneError(.unavailable, error.description)
        }
        wake.withLock { $0 }?()
        return events.map { .stored(id: $0.id, isDuplicate: false) }
    }
}

/// Keeps what was asked for.
final class RecordedLanes: LaneAppender {
    private let state = Mutex<[RequestedDelivery]>([])
    var all: [RequestedDelivery] { state.withLock { $0 } }
    func append(_ deliveries: [RequestedDelivery]) async throws(BackboneError) {
        state.withLock { $0 += deliveries }
    }
}

/// The shared cluster takes 200 connections, and Swift Testing starts all tests at once.
private let places = CatchUpGate(places: 6)

/// Runs `body` beside a feed process.
func withFeed(
    limits: FeedService.Limits = FeedService.Limits(), policy: AddressPolicy = AddressPolicy(),
    names: [String: [String]] = ["example.com": ["93.184.216.34"]], notifies: Bool = true,
    clock: any WallClock = SystemClock(), adjust: @escaping @Sendable (inout FeedService.Parts) -> Void = { _ in },
    _ body: (FeedFixture) async throws -> Void
) async throws {
    try await places.pass { () async throws(any Error) in
        try await runFeed(limits: limits, policy: policy, names: names, notifies: notifies, clock: clock, adjust, body)
    }
}

private func runFeed(
    limits: FeedService.Limits, policy: AddressPolicy, names: [String: [String]], notifies: Bool, clock: any WallClock,
    _ adjust: @Sendable (inout FeedService.Parts) -> Void, _ body: (FeedFixture) async throws -> Void
) async throws {
    let database = try await TestDatabase.make(migrations: Schema.migrations)
    let pool = database.pool(connections: 6)
    let metrics = MetricsRegistry()
    let now = SystemClock().now()
    let operatorToken = try #require(
        try await TokenStore(pool).create(tenant: nil, scopes: .operator, label: "test", now: now)
    ).token
    func party(_ name: String) async throws -> FeedFixture.Party {
        let id = try #require(TenantID(name))
        _ = try await TenantStore(pool).create(id, name: name)
        func token(_ scopes: Scopes) async throws -> String {
            try #require(try await TokenStore(pool).create(tenant: id, scopes: scopes, label: "", now: now)).token.text
        }
        return FeedFixture.Party(
            tenant: id, admin: try await token(.tenantAdmin), reader: try await token(.eventsRead),
            writer: try await token(.eventsWrite))
    }
    let acme = try await party("acme")
    let other = try await party("other")
    let directory = Directory(
        database: pool, listen: database.configuration(), logger: TestDatabase.logger, metrics: metrics)
    try await directory.loadIfChanged()
    let secrets = try SecretBox(current: MasterKey.generate())
    let log = FixtureLog(pool)
    let lanes = RecordedLanes()
    let targets = TargetCheck(policy: policy) { name throws(ResolveError) in
        guard let addresses = names[name] else { throw ResolveError(.notFound, "no such name") }
        return addresses.compactMap { IPAddress($0) }
    }
    var parts = FeedService.Parts(
        database: pool, tailDatabase: database.pool(connections: 1, metrics: metrics), directory: directory,
        log: log, lanes: lanes, secrets: secrets, targets: targets,
        headers: try DeliveryHeaders(userAgent: "Fanfare/test"),
        send: { _ in preconditionFailure("this test pings nobody") })
    parts.clock = clock
    adjust(&parts)
    let service = FeedService(
        parts, limits: limits, logger: TestDatabase.logger, metrics: metrics)
    if notifies { log.onAppend { service.wake() } }
    var configuration = HTTPServerConfiguration()
    configuration.poolBytes = 8 * 1024
    configuration.maxHeaderBytes = 4 * 1024
    let server = HTTPServer(configuration: configuration, handler: service.router, logger: TestDatabase.logger)
    let port = try server.start()
    let fixture = FeedFixture(
        database: database, pool: pool, service: service, directory: directory, lanes: lanes, log: log,
        metrics: metrics, secrets: secrets, port: port, operatorToken: operatorToken.text, acme: acme, other: other)
    let result = await withTaskGroup(of: Void.self) { group -> Result<Void, any Error> in
        group.addTask { await server.run() }
        group.addTask { await service.run() }
        group.addTask { await directory.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body(fixture)) } catch { result = .failure(error) }
        service.endReaders()
        await server.shutdown(deadline: .seconds(2))
        group.cancelAll()
        return result
    }
    await pool.shutdown()
    try await database.drop()
    try result.get()
}
