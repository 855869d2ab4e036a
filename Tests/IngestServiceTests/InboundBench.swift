import Crypto
import EventCodec
import EventModel
import HTTPServer
import Inbound
import IngestService
import Store
import Synchronization
import TestSupport
import Testing

/// What the audit would have written.
final class RecordLog: Sendable {
    private struct State {
        var records: [InboundRecord] = []
        var waiting: [(count: Int, continuation: CheckedContinuation<[InboundRecord], Never>)] = []
    }

    private let state = Mutex(State())

    func add(_ batch: [InboundRecord]) {
        let (records, ready) = state.withLock { state in
            state.records += batch
            let count = state.records.count
            defer { state.waiting.removeAll { $0.count <= count } }
            return (state.records, state.waiting.filter { $0.count <= count })
        }
        for waiter in ready { waiter.continuation.resume(returning: records) }
    }

    /// The records, once there are so many.
    func reaches(_ count: Int) async -> [InboundRecord] {
        await withCheckedContinuation { continuation in
            let records = state.withLock { state -> [InboundRecord]? in
                if state.records.count >= count { return state.records }
                state.waiting.append((count, continuation))
                return nil
            }
            if let records { continuation.resume(returning: records) }
        }
    }
}

/// Triggers of a test.
final class FakeTriggers: InboundEndpoints {
    private let endpoints = Mutex<[String: InboundEndpoint]>([:])

    func add(_ endpoint: InboundEndpoint) {
        endpoints.withLock { $0[endpoint.id] = endpoint }
    }

    func find(_ parameters: PathParameters, now: Timestamp) -> InboundLookup {
        let id = parameters["trigger_id"] ?? ""
        return endpoints.withLock { $0[id] }.map { .found($0) } ?? .none
    }
}

extension IngestBench {
    /// An integration with secrets and settings as an API's caller gives them.
    /// - Parameter previous: Sets of secrets that are taken until then, newest first.
    @discardableResult
    func integrate(
        _ channel: InboundChannel, secrets: String, config: String = "{}", number: UInt64 = 1, isActive: Bool = true,
        previous: [(secrets: String, until: Timestamp)] = [], version: Int64 = 1
    ) throws -> IntegrationID {
        let id = IntegrationID(Ulid(high: 9, low: number))
        let sets = [(secrets, Timestamp?.none)] + previous.map { ($0.secrets, $0.until) }
        let stored = StoredIntegration(
            id: id, tenant: FakeDirectory.tenant, channel: channel.rawValue, name: "test", config: Array(config.utf8),
            secrets: sets.enumerated().map { place, set in
                StoredIntegration.SealedSecrets(
                    id: "sec_\(place)",
                    sealed: box.seal(Array(set.0.utf8), context: StoredIntegration.secretContext(id)),
                    madeAt: clock.now(), until: set.1)
            }, isActive: isActive, version: version, createdAt: clock.now())
        inbound.book.apply([stored])
        return id
    }

    /// A request as it is given, on a connection of its own.
    func send(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8] = []
    ) async throws -> RawResponse {
        let port = port
        return try await onThread {
            let connection = try RawConnection(port: port)
            defer { connection.close() }
            return try connection.request(method, path, headers: headers, body: body)
        }
    }

    /// A GitHub push, signed.
    func push(
        _ path: String, secret: String = "s3cret", body: String = #"{"ref":"refs/heads/main"}"#,
        delivery: String = "guid-1", headers: [(String, String)] = []
    ) async throws -> RawResponse {
        let code = HMACKey(Array(secret.utf8)).authenticationCode(for: Array(body.utf8))
        return try await send(
            "POST", path,
            headers: [
                ("Content-Type", "application/json"), ("X-GitHub-Event", "push"), ("X-GitHub-Delivery", delivery),
                ("X-GitHub-Hook-ID", "7"), ("X-Hub-Signature-256", "sha256=\(code)"),
            ] + headers, body: Array(body.utf8))
    }
}

extension NewEvent {
    /// The envelope's `data`.
    func data() throws -> JSONValue {
        let envelope = try Envelope(reading: envelope)
        return try JSONValue(parsing: Array(self.envelope[envelope.data]), limits: JSONLimits(bytes: 1 << 25))
    }
}
