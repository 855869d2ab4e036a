import Egress
import Observability
import Synchronization
import TestSupport

/// A sender with its resolver, and requests with the defaults of these tests.
struct EgressHarness {
    let metrics = MetricsRegistry()
    let resolver: Resolver
    let client: HTTPClient
    let policy: AddressPolicy

    /// - Parameters:
    ///   - policy: By default that of development: receivers are on loopback.
    ///   - names: What each name resolves to, look-up by look-up (the last answer stays). Answers are never cached.
    init(
        policy: AddressPolicy = .development, names: [String: [[String]]] = [:],
        configure: (inout HTTPSender.Settings) -> Void = { _ in }
    ) {
        var limits = Resolver.Limits()
        limits.freshFor = .zero
        limits.refreshAfter = .zero
        let script = Mutex(names)
        self.policy = policy
        resolver = Resolver(limits: limits, metrics: metrics) { name in
            let texts = script.withLock { names in
                (names[name]?.count ?? 0) > 1 ? names[name]?.removeFirst() : names[name]?.first
            }
            guard let texts else { return .failure(ResolveError(.notFound, "\(name) is not in the script")) }
            return .success(texts.compactMap { IPAddress($0) })
        }
        var settings = HTTPSender.Settings()
        configure(&settings)
        client = HTTPClient(settings: settings, policy: policy, resolver: resolver, metrics: metrics)
    }

    func stop() {
        client.stop()
        resolver.stop()
    }

    func target(_ url: String) throws -> TargetURL {
        try TargetURL(url, policy: policy)
    }

    func post(
        _ url: String, body: String = "{}", headers: [(StaticString, String)] = [("Content-Type", "application/json")],
        timeout: Int32 = 10_000, limits: Exchange.Limits = Exchange.Limits(), tls: TLSOptions? = nil
    ) async throws -> ExchangeResult {
        var block = HeaderBlock()
        for (name, value) in headers { block.append(name, value) }
        let exchange = Exchange(
            token: 0, target: try target(url), headers: block, body: Array(body.utf8), timeoutMilliseconds: timeout,
            limits: limits, tls: tls)
        return await client.send(exchange)
    }
}
