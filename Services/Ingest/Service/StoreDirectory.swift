internal import Crypto
internal import EventModel
internal import Signing
internal import Store

/// The installation's directory, as the doors see it.
struct StoreDirectory: IngestDirectory {
    let directory: Directory
    /// Opens workspaces' secrets; nil where the process has no master key.
    let box: SecretBox?

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
        directory.workspace(id).map { .found(door($0)) } ?? .unknown
    }

    func lookUp(workspace id: WorkspaceID) async -> DirectoryAnswer<WorkspaceDoor> {
        switch await directory.findWorkspace(id) {
        case .known(let record): .found(door(record))
        case .unknown: .none
        case .undecided: .unknown
        }
    }

    var onlyTenant: TenantID? { directory.onlyTenant }

    func hasTenant(_ id: TenantID) -> Bool { directory.hasTenant(id) }

    private static func principal(_ bearer: Bearer) -> Principal {
        Principal(tenant: bearer.tenant, mayWriteEvents: bearer.scopes.allow(.eventsWrite))
    }

    private func door(_ record: WorkspaceRecord) -> WorkspaceDoor {
        let requirement: SenderRequirement =
            switch record.require {
            case .none: .none
            case .secret: .secret
            case .signature: .signature
            }
        return WorkspaceDoor(
            id: record.id, tenant: record.tenant, ignoresRequestID: record.ignoresRequestID,
            ratePerSecond: record.ratePerSecond, requirement: requirement,
            secrets: requirement == .none ? [] : secrets(of: record))
    }

    /// All of them, or nil: with a part of them a sender would be refused who has done nothing wrong.
    private func secrets(of record: WorkspaceRecord) -> [String]? {
        guard let box else { return nil }
        var texts: [String] = []
        for sealed in record.sealedSecrets {
            let context = WorkspaceRecord.secretContext(record.id)
            guard let bytes = try? box.open(sealed, context: context) else { return nil }
            texts.append(String(decoding: bytes, as: UTF8.self))
        }
        return texts
    }
}
