internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// Pings webhooks that wait for it, after the answer to whoever made them: he has the secret then. One try each; a ping that
/// fails or is lost with the process is asked for again by `POST …/verify`. Bounded: beyond it, the newest are not pinged.
struct WebhookVerification: Sendable {
    let ping: WebhookPing
    let logger: LimitedLogger
    private let stream: AsyncStream<WebhookRecord>
    private let continuation: AsyncStream<WebhookRecord>.Continuation

    private static let most = 1_000
    /// Pings at a time.
    private static let width = 8

    init(ping: WebhookPing, logger: LimitedLogger) {
        self.ping = ping
        self.logger = logger
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.most))
    }

    func add(_ webhook: WebhookRecord) {
        continuation.yield(webhook)
    }

    /// Works until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await webhook in stream {
                if running == Self.width {
                    await group.next()
                    running -= 1
                }
                running += 1
                group.addTask { await verify(webhook) }
            }
            group.cancelAll()
        }
    }

    private func verify(_ webhook: WebhookRecord) async {
        do {
            _ = try await ping.ping(webhook)
        } catch {
            logger.warning(
                "webhook-not-verified", ["webhook": .describing(webhook.id), "reason": .describing(error)])
        }
    }
}
