public import Observability
internal import Synchronization

/// One request at a time, for tools and management: an `HTTPSender` with `await` on top.
///
/// ```swift
/// let client = HTTPClient(policy: policy, resolver: resolver, metrics: metrics)
/// let result = await client.send(Exchange(token: 0, target: url, method: .get, limits: .wholeBody(upTo: 1 << 20)))
/// client.stop()
/// ```
public final class HTTPClient: Sendable {
    private struct State {
        var nextToken: UInt64 = 1
        var waiting: [UInt64: CheckedContinuation<ExchangeResult, Never>] = [:]
    }

    private final class Desk: Sendable {
        let state = Mutex(State())

        func hand(_ results: [ExchangeResult]) {
            for result in results {
                let continuation = state.withLock { $0.waiting.removeValue(forKey: result.token) }
                continuation?.resume(returning: result)
            }
        }
    }

    private let desk: Desk
    private let sender: HTTPSender

    /// Few pools, and a buffer for larger answers than those of webhooks.
    public static var settings: HTTPSender.Settings {
        var settings = HTTPSender.Settings()
        settings.lanesPerThread = 4
        settings.receiveBufferBytes = 16 * 1024
        settings.capacity = 1024
        return settings
    }

    public init(
        settings: HTTPSender.Settings = HTTPClient.settings, policy: AddressPolicy, resolver: Resolver,
        metrics: MetricsRegistry
    ) {
        let desk = Desk()
        self.desk = desk
        self.sender = HTTPSender(settings: settings, policy: policy, resolver: resolver, metrics: metrics) { results in
            desk.hand(results)
        }
    }

    /// Sends one request and waits for its end; the task's cancellation ends it as `cancelled`. The token is set here.
    public func send(_ exchange: Exchange) async -> ExchangeResult {
        var exchange = exchange
        let token = desk.state.withLock { state in
            defer { state.nextToken += 1 }
            return state.nextToken
        }
        exchange.token = token
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                desk.state.withLock { $0.waiting[token] = continuation }
                if !sender.submit([exchange]) {
                    var result = ExchangeResult(token: token, outcome: .failure(.cancelled))
                    result.detail = "the client was stopped or is full"
                    desk.hand([result])
                }
                // The handler may have run before there was anything to cancel.
                if Task.isCancelled { sender.cancel(token) }
            }
        } onCancel: {
            sender.cancel(token)
        }
    }

    /// Ends what is on its way as cancelled and closes the connections.
    public func stop() {
        sender.stop()
    }
}
