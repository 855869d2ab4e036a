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

    private let state = Mutex(State())
    /// When the certificates end that we show endpoints, unix seconds.
    private let certificates = Mutex<[EndpointID: Int64]>([:])

    /// Takes changes in order of version; one that is older than what is known changes nothing.
    func apply(_ revisions: [WebhookRevision], spans: [FeedSpan] = []) {
        state.withLock { state in
            for revision in revisions {
                if let known = state.entries[revision.endpoint], known.version >= revision.version { continue }
                var entry = EndpointConfiguration(revision)
                if let spans = state.spans[revision.endpoint] { entry.spans = spans }
                state.entries[revision.endpoint] = entry
                noteCertificate(revision)
            }
            for span in spans {
                state.spans[span.endpoint, default: SpanSet()].apply(span)
                state.entries[span.endpoint]?.spans.apply(span)
            }
        }
    }

    private func noteCertificate(_ revision: WebhookRevision) {
        var until: Int64?
        if let equipment = revision.equipment, revision.status != .deleted {
            // One that cannot be read tells so when it is sent to.
            until = (try? EndpointEquipment(json: equipment))?.identityUntil
        }
        certificates.withLock { $0[revision.endpoint] = until }
    }

    /// When the first of the certificates ends that we show endpoints, and how many have ended; unix seconds.
    func certificates(at now: Int64) -> (next: Int64?, ended: Int) {
        certificates.withLock { certificates in
            (certificates.values.filter { $0 > now }.min(), certificates.values.count { $0 <= now })
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
