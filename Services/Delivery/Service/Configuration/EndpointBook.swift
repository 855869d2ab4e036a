internal import Endpoints
internal import EventModel
internal import Store
internal import Synchronization

/// Every endpoint's configuration in force now, in memory. A worker decides by what is in force when it sends, not by what
/// was when the event was matched.
final class EndpointBook: Sendable {
    private struct State {
        var entries: [EndpointID: EndpointConfiguration] = [:]
        /// Of endpoints that have any; here too, because a span may be known before its endpoint.
        var spans: [EndpointID: SpanSet] = [:]
    }

    /// When what an endpoint's TLS rests on ends, unix seconds.
    private struct Ends {
        /// The certificate that we show it.
        var identity: Int64?
        /// The CAs that we trust instead of the system's.
        var authorities: [Int64]
    }

    /// What all endpoints' certificates of a kind come to; unix seconds.
    struct Expiry: Equatable {
        /// When the first ends of those that are in force.
        var next: Int64?
        /// Endpoints that have none left in force.
        var ended: Int
    }

    private let state = Mutex(State())
    private let certificates = Mutex<[EndpointID: Ends]>([:])

    /// Takes changes in order of version; one that is older than what is known changes nothing.
    func apply(_ revisions: [WebhookRevision], spans: [FeedSpan] = []) {
        var news: [WebhookRevision] = []
        state.withLock { state in
            for revision in revisions {
                if let known = state.entries[revision.endpoint], known.version >= revision.version { continue }
                news.append(revision)
                var entry = EndpointConfiguration(revision)
                if let spans = state.spans[revision.endpoint] { entry.spans = spans }
                state.entries[revision.endpoint] = entry
            }
            for span in spans {
                state.spans[span.endpoint, default: SpanSet()].apply(span)
                state.entries[span.endpoint]?.spans.apply(span)
            }
        }
        for revision in news { noteCertificates(revision) }
    }

    /// Outside of the lock that every delivery takes: a bundle takes a while to read.
    private func noteCertificates(_ revision: WebhookRevision) {
        var ends: Ends?
        // One that cannot be read tells so when it is sent to.
        if let text = revision.equipment, revision.status != .deleted,
            let equipment = try? EndpointEquipment(json: text)
        {
            let authorities = equipment.authorities.map { ClientIdentity.authorityEnds($0) } ?? []
            if equipment.identityUntil != nil || !authorities.isEmpty {
                ends = Ends(identity: equipment.identityUntil, authorities: authorities)
            }
        }
        certificates.withLock { $0[revision.endpoint] = ends }
    }

    /// Of the certificates that we show endpoints.
    func certificates(at now: Int64) -> Expiry { expiry(at: now) { $0.identity.map { [$0] } ?? [] } }

    /// Of the CAs that we trust for single endpoints.
    func authorities(at now: Int64) -> Expiry { expiry(at: now) { $0.authorities } }

    private func expiry(at now: Int64, _ ends: (Ends) -> [Int64]) -> Expiry {
        certificates.withLock { certificates in
            var expiry = Expiry(next: nil, ended: 0)
            for ends in certificates.values.map(ends) where !ends.isEmpty {
                guard let next = ends.filter({ $0 > now }).min() else {
                    expiry.ended += 1
                    continue
                }
                expiry.next = min(expiry.next ?? next, next)
            }
            return expiry
        }
    }

    func configuration(of endpoint: EndpointID) -> EndpointConfiguration? {
        state.withLock { $0.entries[endpoint] }
    }

    /// One look for many records.
    func configurations(of endpoints: [EndpointID]) -> [EndpointID: EndpointConfiguration] {
        state.withLock { state in
            var found: [EndpointID: EndpointConfiguration] = [:]
            for endpoint in endpoints where found[endpoint] == nil {
                found[endpoint] = state.entries[endpoint]
            }
            return found
        }
    }

    var count: Int { state.withLock { $0.entries.count } }
}

extension EndpointConfiguration {
    init(_ revision: WebhookRevision) {
        self.init(
            endpoint: revision.endpoint, tenant: revision.tenant, version: revision.version,
            status: Status(rawValue: revision.status.rawValue) ?? .disabled, url: revision.url,
            timeout: revision.timeout.map { .seconds($0) },
            schedule: revision.schedule.flatMap { RetrySchedule($0) } ?? .standard,
            sealedSecrets: revision.sealedSecrets, equipment: revision.equipment, limits: revision.limits)
    }
}
