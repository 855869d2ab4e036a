internal import EventModel
internal import Signing
internal import Store

/// The installation's directory, as the doors see it.
struct StoreDirectory: IngestDirectory {
    let directory: Directory

    func principal(token: String) -> DirectoryAnswer<Principal> {
        // A mistyped or guessed token fails its checksum: nobody needs to be asked.
        guard let token = AccessToken(token) else { return .none }
        return directory.bearer(of: token).map { .found(Self.principal($0)) } ?? .unknown
    }

    func lookUp(token: String) async -> DirectoryAnswer<Principal> {
        switch await directory.authenticate(token) {
        case .known(let bearer): .found(Self.principal(bearer))
        case .unknown: .none
        case .undecided: .unknown
        }
    }

    func workspace(_ id: WorkspaceID) -> DirectoryAnswer<WorkspaceDoor> {
        directory.workspace(id).map { .found(Self.door($0)) } ?? .unknown
    }

    func lookUp(workspace id: WorkspaceID) async -> DirectoryAnswer<WorkspaceDoor> {
        switch await directory.findWorkspace(id) {
        case .known(let record): .found(Self.door(record))
        case .unknown: .none
        case .undecided: .unknown
        }
    }

    private static func principal(_ bearer: Bearer) -> Principal {
        Principal(tenant: bearer.tenant, mayWriteEvents: bearer.scopes.allow(.eventsWrite))
    }

    private static func door(_ record: WorkspaceRecord) -> WorkspaceDoor {
        WorkspaceDoor(
            id: record.id, tenant: record.tenant, ignoresRequestID: record.ignoresRequestID,
            ratePerSecond: record.ratePerSecond)
    }
}
