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

extension JSONValue {
    var double: Double? { if case .number(let number) = self { number.double } else { nil } }
}

extension FeedFixture {
    private static let revisionRows = Statement(
        "test.revisions", "select status from fanfare.webhook_revisions where webhook_id = $1 order by version")
    private static let attempt = Statement(
        "test.attempt",
        """
        insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, delivery_id, event_type, cause,
            attempt, started_at, total_ms, status, error_class, headers_sha256, response_head, verdict, next_attempt_at)
        values ('outbound', $1, $2, $3, $4, $5, 'live', $6, $7, 12.5, $8, $9, '\\xabcd', 'ok', $10, $11)
        """)

    /// The statuses that a webhook had, in order.
    func revisions(_ webhook: EndpointID) async throws -> [String] {
        let rows = try await pool.execute(Self.revisionRows, Parameters { $0.add(webhook.description) })
        return (0..<rows.count).map { rows.text($0, 0) }
    }

    /// A row of the audit, as a delivery worker's settling writes it.
    func insertAttempt(
        _ tenant: TenantID, _ webhook: EndpointID, _ event: EventID, _ delivery: DeliveryID,
        type: String = "run.completed",
        attempt: Int = 1, at: Timestamp = SystemClock().now(), status: Int32? = 200, error: String? = nil,
        verdict: String = "delivered", next: Timestamp? = nil
    ) async throws {
        try await pool.execute(
            Self.attempt,
            Parameters {
                $0.add(tenant.text)
                $0.add(webhook.description)
                $0.add(event.description)
                $0.add(delivery.description)
                $0.add(type)
                $0.add(Int32(attempt))
                $0.add(at)
                $0.add(status)
                $0.add(error)
                $0.add(verdict)
                $0.add(next)
            })
    }
}

extension FeedFixture {
    /// A run of a role, as the matcher makes it.
    @discardableResult
    func queueRun(
        _ party: Party, event: EventID, workspace: WorkspaceID = WorkspaceID(Ulid(high: 1, low: 1)),
        role: String = "webhook.a.b", agent: String = "agent-7"
    ) async throws -> RunID {
        let run = NewAgentRun(
            event: event, eventType: role, tenant: party.tenant, workspace: workspace, role: role, agent: agent,
            inputs: Array(#"{"source":"a"}"#.utf8))
        _ = try await AgentRunStore(pool).queue([run])
        return run.id
    }

    /// A metric's value by its name and labels, as they are rendered; 0 where there is none.
    func gauge(_ name: String) -> Double {
        var bytes: [UInt8] = []
        metrics.render(into: &bytes)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
    }

    func counter(_ name: String) -> Double { gauge(name) }
}
