internal import Egress
internal import Observability
internal import ServiceKit

/// An answer of an HTTP server.
struct WebAnswer: Sendable {
    var status: Int
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var isSuccess: Bool { (200..<300).contains(status) }
}

/// The tool as an HTTP client. Where it goes is its user's business, so no address and no port is refused.
final class WebClient: Sendable {
    private static let policy = AddressPolicy(allowsPrivateTargets: true, allowsPlainHTTP: true, deniedPorts: [])
    /// Larger answers than a page of 1 000 events do not come.
    private static let largestAnswer = 64 << 20

    private let client: HTTPClient
    private let resolver: Resolver

    init() {
        let metrics = MetricsRegistry()
        resolver = Resolver(metrics: metrics)
        var settings = HTTPClient.settings
        settings.userAgent = "Fanfare/\(BuildInfo.version)"
        client = HTTPClient(settings: settings, policy: Self.policy, resolver: resolver, metrics: metrics)
    }

    static func target(_ url: String) throws(ToolError) -> TargetURL {
        do throws(TargetURLError) {
            return try TargetURL(url, policy: policy)
        } catch {
            throw ToolError(.usage, "\(url): \(error.message)")
        }
    }

    func get(
        _ url: String, headers: HeaderBlock = HeaderBlock(), timeout: Duration = .seconds(30)
    ) async throws(ToolError) -> WebAnswer {
        try await send(.get, url, headers: headers, timeout: timeout)
    }

    /// - Throws: `remote` when there is no complete answer.
    func send(
        _ method: Exchange.Method, _ url: String, headers: HeaderBlock = HeaderBlock(), body: [UInt8] = [],
        timeout: Duration = .seconds(30)
    ) async throws(ToolError) -> WebAnswer {
        let result = await client.send(
            Exchange(
                token: 0, target: try Self.target(url), method: method, headers: headers, body: body,
                timeoutMilliseconds: Int32(clamping: timeout.components.seconds * 1_000),
                limits: .wholeBody(upTo: Self.largestAnswer)))
        switch result.outcome {
        case .status(let status): return WebAnswer(status: status, body: result.responseHead)
        case .failure(let failure): throw Self.failure(failure, url, result.detail)
        }
    }

    /// Reads an answer that has no end, until the other side or the task's cancellation ends it.
    ///
    /// - Parameter onPiece: gets what comes of the body, on the client's thread.
    /// - Returns: the status, and the body where it was no success.
    func stream(
        _ url: String, headers: HeaderBlock, onPiece: @escaping @Sendable (_ status: Int, [UInt8]) -> Void
    ) async throws(ToolError) -> Int {
        var exchange = Exchange(
            token: 0, target: try Self.target(url), method: .get, headers: headers, timeoutMilliseconds: 0)
        exchange.onBody = onPiece
        let result = await client.send(exchange)
        switch result.outcome {
        case .status(let status): return status
        case .failure(let failure): throw Self.failure(failure, url, result.detail)
        }
    }

    private static func failure(_ failure: ExchangeResult.FailureClass, _ url: String, _ detail: String) -> ToolError {
        let what =
            switch failure {
            case .connect: "nothing listens there"
            case .dns: "the name has no address"
            case .timeout, .timeoutConnect: "no answer in time"
            case .tls: "the TLS handshake failed"
            default: "the exchange failed (\(failure.rawValue))"
            }
        return ToolError(.remote, "\(url): \(what)\(detail.isEmpty ? "" : ": \(detail)")")
    }

    func stop() {
        client.stop()
        resolver.stop()
    }
}
