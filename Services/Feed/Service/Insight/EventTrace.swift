internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Matching
internal import Store

/// The way of one event: every webhook of its tenant with the reason why it got it or not, by the configuration in force
/// where the event lies, and what was sent.
struct EventTrace: Sendable {
    let event: FeedEvent
    let isFannedOut: Bool
    let page: Page<TracedWebhook>
    let spans: [EndpointID: TracedSpan]
    let attempts: [AuditRow]
    /// False: more was sent of this event than one request looks through.
    let isComplete: Bool

    static func read(
        _ event: FeedEvent, from queries: TraceQueries, after: String?, limit: Int
    ) async throws -> EventTrace {
        // Read first: what it says cannot be outdone by attempts that come while the rest is read.
        let isFannedOut = try await queries.isFannedOut(event.row)
        let page = try await queries.webhooks(
            tenant: event.row.tenant, at: event.row.pos, after: after, limit: limit)
        // Also read before the attempts: what a cursor has passed has its attempt by then.
        let spans =
            event.row.onlyEndpoint == nil
            ? try await queries.spans(covering: event.row.pos, of: page.items.map(\.endpoint)) : [:]
        let attempts = try await queries.attempts(
            of: event.row.id, tenant: event.row.tenant, at: page.items.map(\.endpoint))
        return EventTrace(
            event: event, isFannedOut: isFannedOut, page: page, spans: spans, attempts: attempts.rows,
            isComplete: attempts.isComplete)
    }

    func write(to json: inout JSONWriter) {
        json.member("event_id", event.row.id)
        json.member("type", event.row.type)
        json.member("recorded_at", event.row.recordedAt)
        json.member("pos", event.row.pos)
        json.member("fanned_out", isFannedOut)
        let byEndpoint = Dictionary(grouping: attempts) { $0.endpoint }
        let outline = LazyOutline(event.envelope)
        json.member(
            "data",
            array: { json in
                for webhook in page.items {
                    json.object { write(webhook, byEndpoint[webhook.endpoint] ?? [], outline, to: &$0) }
                }
            })
        json.member("attempts_complete", isComplete)
        json.member("next_cursor", page.hasMore ? page.items.last?.endpoint.description : nil)
        json.member("has_more", page.hasMore)
    }

    private func write(
        _ webhook: TracedWebhook, _ attempts: [AuditRow], _ outline: LazyOutline, to json: inout JSONWriter
    ) {
        let verdict = verdict(on: webhook, outline)
        json.member("webhook_id", webhook.endpoint)
        json.member("url", webhook.url)
        json.member("status_now", webhook.statusNow)
        json.member("config_version", verdict.version.map { Int($0) })
        json.member("matched", verdict.reason == .matched)
        json.member("reason", verdict.reason == .matched ? nil : verdict.word)
        let span = verdict.reason == .matched ? spans[webhook.endpoint] : nil
        json.member("via", verdict.reason == .matched ? (span == nil ? "lane" : "cursor") : nil)
        if span == nil { json.member("cursor", .null) }
        if let span {
            json.member(
                "cursor",
                object: { json in
                    json.member("id", span.cursor)
                    json.member("from", span.from)
                    json.member("until", span.until.map { Int($0) })
                    json.member("pos", span.pos)
                    json.member("waiting", span.isActive && span.pos < event.row.pos && !hasLiveAttempt(attempts))
                })
        }
        json.member(
            "deliveries",
            array: { json in
                for delivery in Self.deliveries(attempts) {
                    json.object { json in
                        if let last = delivery.last { DeliveryView.write(last, to: &json) }
                        json.member(
                            "history",
                            array: { json in
                                for row in delivery { json.object { AttemptView.write(row, to: &$0) } }
                            })
                    }
                }
            })
    }

    private func verdict(on webhook: TracedWebhook, _ outline: LazyOutline) -> WebhookHistory.Verdict {
        guard let type = EventType(event.row.type) else {
            return WebhookHistory.Verdict(reason: .type, version: webhook.revision?.version, word: "type")
        }
        return WebhookHistory(
            webhook.endpoint, tenant: event.row.tenant, webhook.revision.map { [$0] } ?? []
        ).verdict(
            at: event.row.pos,
            MatchSubject(type: type, only: event.row.onlyEndpoint, except: event.row.exceptEndpoint)
        ) { outline.value }
    }

    private func hasLiveAttempt(_ attempts: [AuditRow]) -> Bool {
        attempts.contains { row in
            row.endpoint.map { row.delivery == DeliveryID(event: event.row.id, endpoint: $0, cause: .live) } ?? false
        }
    }

    /// Attempts by delivery, deliveries in order of their first attempts.
    private static func deliveries(_ attempts: [AuditRow]) -> [[AuditRow]] {
        var order: [DeliveryID?] = []
        var groups: [DeliveryID?: [AuditRow]] = [:]
        for row in attempts {
            if groups[row.delivery] == nil { order.append(row.delivery) }
            groups[row.delivery, default: []].append(row)
        }
        return order.compactMap { groups[$0] }
    }
}

/// An envelope that is read at most once, and only where a condition asks for it.
private final class LazyOutline {
    private let envelope: [UInt8]
    private var outline: JSONOutline??

    init(_ envelope: [UInt8]) { self.envelope = envelope }

    var value: JSONOutline? {
        if let outline { return outline }
        let made = try? JSONOutline(envelope)
        outline = .some(made)
        return made
    }
}

/// An attempt in a trace: what of its row tells how it went.
enum AttemptView {
    static func write(_ row: AuditRow, to json: inout JSONWriter) {
        json.member("attempt", row.attempt)
        json.member("started_at", row.startedAt)
        json.member("total_ms", row.total)
        json.member("status", row.status)
        json.member("error_class", row.errorClass)
        json.member("verdict", row.verdict)
        json.member("reason", row.reason)
        json.member("next_attempt_at", row.nextAttemptAt)
        json.member("audit_seq", row.seq)
    }
}
