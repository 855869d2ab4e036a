/// What the bearer of a token may do (`contracts.md` §2).
public struct Scopes: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Everything of its own tenant.
    public static let tenantAdmin = Scopes(rawValue: 1)
    /// Publish.
    public static let eventsWrite = Scopes(rawValue: 2)
    /// Read the feed.
    public static let eventsRead = Scopes(rawValue: 4)
    /// The installation: tenants and their tokens. Belongs to no tenant.
    public static let `operator` = Scopes(rawValue: 8)

    /// What a token of a tenant may have.
    public static let ofTenants: Scopes = [.tenantAdmin, .eventsWrite, .eventsRead]

    private static let names: KeyValuePairs<String, Scopes> = [
        "tenant:admin": .tenantAdmin, "events:write": .eventsWrite, "events:read": .eventsRead, "operator": .operator,
    ]

    /// Every name, in the order in which lists of scopes are shown.
    public static var allNames: [String] { names.map(\.key) }

    /// Nil when one of the names is no scope.
    public init?(names wanted: [String]) {
        var scopes: Scopes = []
        for name in wanted {
            guard let scope = Self.names.first(where: { $0.key == name })?.value else { return nil }
            scopes.insert(scope)
        }
        self = scopes
    }

    public var names: [String] { Self.names.filter { contains($0.value) }.map(\.key) }

    /// Whether the bearer may do what asks for `needed`: a tenant's admin may do all that concerns its tenant.
    public func allow(_ needed: Scopes) -> Bool {
        isSuperset(of: needed) || contains(.tenantAdmin) && needed.isSubset(of: .ofTenants)
    }
}
