internal import Database
internal import EventCodec
internal import EventModel
internal import Matching
internal import Store

/// Looks through a stretch of the feed for what a webhook was owed and has not acknowledged.
///
/// One call reads a bounded number of rows, envelopes and attempts, and tells how far it has looked.
struct UndeliveredSweep: Sendable {
    let queries: UndeliveredQueries
    let feed: FeedQueries
    /// Also what the webhook would have got had it not been paused, pending or disabled.
    let includesMissed: Bool

    /// Events of one call whose attempts are looked up.
    private static let probes = 128
    /// Bytes of envelopes that one call looks into for conditions.
    private static let envelopeBytes = 1 << 20

    struct Item: Sendable {
        let event: WebhookWindow.Item
        let isMissed: Bool
        /// Why it is not owed.
        let reason: String?
        let last: AuditRow?
    }

    struct Outcome: Sendable {
        var items: [Item]
        /// Everything up to here has been looked at.
        var edge: Int64
        var hasMore: Bool
    }

    private struct Candidate {
        let event: WebhookWindow.Item
        let verdict: WebhookHistory.Verdict
    }

    func look(
        through window: WebhookWindow, of endpoint: EndpointID, tenant: TenantID, limit: Int
    ) async throws -> Outcome {
        var outcome = Outcome(items: [], edge: window.edge, hasMore: window.hasMore)
        guard let first = window.items.first, let last = window.items.last else { return outcome }
        let history = WebhookHistory(
            endpoint, tenant: tenant,
            try await queries.revisions(of: endpoint, in: first.pos...last.pos))
        let judged = try await judge(window.items, endpoint, history)
        if let edge = judged.edge {
            outcome.edge = edge
            outcome.hasMore = true
        }
        var candidates = judged.candidates
        if candidates.count > Self.probes {
            candidates.removeSubrange(Self.probes...)
            outcome.edge = candidates[Self.probes - 1].event.pos
            outcome.hasMore = true
        }
        let open = try await queries.unacknowledged(
            candidates.map(\.event.event), by: endpoint, tenant: tenant, limit: limit)
        outcome.items = open.map { item in
            let candidate = candidates[item.index]
            let isMissed = candidate.verdict.reason == .inactive
            return Item(
                event: candidate.event, isMissed: isMissed, reason: isMissed ? candidate.verdict.word : nil,
                last: item.last)
        }
        if open.count == limit, let end = open.last.map({ candidates[$0.index].event.pos }), end < outcome.edge {
            outcome.edge = end
            outcome.hasMore = true
        }
        return outcome
    }

    /// The events that the webhook was owed, or would have been; `edge` is where looking into envelopes ended early.
    private func judge(
        _ events: [WebhookWindow.Item], _ endpoint: EndpointID, _ history: WebhookHistory
    ) async throws(DatabaseError) -> (candidates: [Candidate], edge: Int64?) {
        var candidates: [Candidate] = []
        var conditional: [Int64] = []
        for event in events {
            guard let type = EventType(event.type) else { continue }
            // Without the envelope every condition holds: those that have one are judged again below.
            let verdict = history.verdict(
                at: event.pos, MatchSubject(type: type, except: event.except)
            ) { nil }
            guard isWanted(verdict) else { continue }
            if history.hasCondition(at: event.pos) { conditional.append(event.pos) }
            candidates.append(Candidate(event: event, verdict: verdict))
        }
        guard !conditional.isEmpty else { return (candidates, nil) }
        let envelopes = try await feed.envelopes(at: conditional[...], bytes: Self.envelopeBytes)
        // Some may be gone by retention; what lies behind the last that came was not reached.
        let isCut = envelopes.last.map { $0.pos < conditional[conditional.count - 1] } ?? false
        let edge = isCut ? envelopes.last?.pos : nil
        let byPos = Dictionary(envelopes.map { ($0.pos, $0.envelope) }) { first, _ in first }
        candidates = candidates.filter { candidate in
            if let edge, candidate.event.pos > edge { return false }
            guard let envelope = byPos[candidate.event.pos], let type = EventType(candidate.event.type) else {
                return true
            }
            return isWanted(
                history.verdict(at: candidate.event.pos, MatchSubject(type: type, except: candidate.event.except)) {
                    try? JSONOutline(envelope)
                })
        }
        return (candidates, edge)
    }

    private func isWanted(_ verdict: WebhookHistory.Verdict) -> Bool {
        verdict.reason == .matched || includesMissed && verdict.reason == .inactive
    }
}
