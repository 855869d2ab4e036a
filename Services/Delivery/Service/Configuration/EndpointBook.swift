internal import EventModel
internal import Store
internal import Synchronization

/// Every endpoint's configuration in force now, in memory. A worker decides by what is in force when it sends, not by what
/// was when the event was matched.
final class EndpointBook: Sendable {
    private let entries = Mutex<[EndpointID: EndpointConfiguration]>([:])

    /// Takes changes in order of version; one that is older than what is known changes nothing.
    func apply(_ revisions: [WebhookRevision]) {
        entries.withLock { entries in
            for revision in revisions {
                if let known = entries[revision.endpoint], known.version >= revision.version { continue }
                entries[revision.endpoint] = EndpointConfiguration(revision)
            }
        }
    }

    func configuration(of endpoint: EndpointID) -> EndpointConfiguration? {
        entries.withLock { $0[endpoint] }
    }

    /// One look for many records.
    func configurations(of endpoints: [EndpointID]) -> [EndpointID: EndpointConfiguration] {
        entries.withLock { entries in
            var found: [EndpointID: EndpointConfiguration] = [:]
            for endpoint in endpoints where found[endpoint] == nil {
                found[endpoint] = entries[endpoint]
            }
            return found
        }
    }

    var count: Int { entries.withLock { $0.count } }
}

extension EndpointConfiguration {
    init(_ revision: WebhookRevision) {
        self.init(
            endpoint: revision.endpoint, tenant: revision.tenant, version: revision.version,
            status: Status(rawValue: revision.status.rawValue) ?? .disabled, url: revision.url,
            timeout: revision.timeout.map { .seconds($0) },
            schedule: revision.schedule.flatMap { RetrySchedule($0) } ?? .standard,
            sealedSecrets: revision.sealedSecrets, equipment: revision.equipment)
    }
}
