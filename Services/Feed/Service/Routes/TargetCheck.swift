public import Egress
internal import HTTPServer

/// Whether a webhook may be registered with a URL: its grammar, and every address that its name has now. (What is really
/// connected to is checked again at each attempt; this is so that a mistake is told to the person who makes it.)
public struct TargetCheck: Sendable {
    let policy: AddressPolicy
    private let addresses: @Sendable (_ name: String) async throws(ResolveError) -> [IPAddress]

    public init(policy: AddressPolicy, resolver: Resolver) {
        self.init(policy: policy) { name throws(ResolveError) in try await resolver.addresses(of: name) }
    }

    init(
        policy: AddressPolicy, addresses: @escaping @Sendable (_ name: String) async throws(ResolveError) -> [IPAddress]
    ) {
        self.policy = policy
        self.addresses = addresses
    }

    /// The canonical form of the URL.
    ///
    /// - Throws: 400 for what must not be a target. A name that does not resolve (yet) is accepted.
    func canonical(_ text: String) async throws(HTTPError) -> String {
        let url: TargetURL
        do throws(TargetURLError) {
            url = try TargetURL(text, policy: policy)
        } catch {
            throw .badRequest("invalid_url", error.message, param: "url")
        }
        guard case .name(let name) = url.host else { return url.text }
        let found: [IPAddress]
        do throws(ResolveError) {
            found = try await addresses(name)
        } catch {
            return url.text
        }
        if policy.refusal(ofAny: found) != nil {
            // Which address it was is nobody's business but the name's owner's.
            throw .badRequest(
                "forbidden_target", "the host's name leads to an address that is not public", param: "url")
        }
        return url.text
    }
}
