internal import Store

/// What a route demands of a token.
enum Access: Sendable, Hashable {
    /// Any valid token.
    case anyone
    /// A tenant's token with one of these scopes; the admin's has them all.
    case tenant(Scopes)
    case `operator`

    func allows(_ bearer: Bearer) -> Bool {
        switch self {
        case .anyone: true
        case .tenant(let scopes):
            bearer.tenant != nil && (bearer.scopes.contains(.tenantAdmin) || !bearer.scopes.isDisjoint(with: scopes))
        case .operator: bearer.scopes.contains(.operator)
        }
    }

    /// What the refused bearer lacks.
    var need: String {
        switch self {
        case .anyone: "a token"
        case .tenant(let scopes):
            "a tenant's token with the scope \(scopes.union(.tenantAdmin).names.joined(separator: " or "))"
        case .operator: "an operator's token"
        }
    }
}
