/// What registration and tests of a URL want to know before anything is sent.
public enum TargetVerdict: Sendable {
    /// Every address is allowed.
    case allowed([IPAddress])
    /// One of the addresses is refused.
    case refused(AddressRefusal)
    /// No addresses yet; whether that matters is the caller's decision.
    case unresolved(ResolveError)
}

extension Resolver {
    /// Looks the URL's host up and judges all of its addresses.
    public func verdict(on url: TargetURL, policy: AddressPolicy) async -> TargetVerdict {
        let found: [IPAddress]
        switch url.host {
        case .address(let address): found = [address]
        case .name(let name):
            do throws(ResolveError) {
                found = try await addresses(of: name)
            } catch {
                return .unresolved(error)
            }
        }
        return policy.refusal(ofAny: found).map { .refused($0) } ?? .allowed(found)
    }
}
