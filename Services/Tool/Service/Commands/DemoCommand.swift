internal import HTTPServer
internal import Observability
internal import ServiceKit
internal import Signing
internal import Synchronization

/// `fanfare demo`: one event, all the way.
enum DemoCommand {
    static let command = Command(
        CommandSpec(
            name: "demo",
            summary: "shows one event delivered: a receiver here, a webhook, an event, its verified signature",
            options: .remote,
            details: "The webhook is deleted at the end. The installation must allow private targets.")
    ) { try await run($0) }

    /// A real delivery takes milliseconds.
    private static let patience = Duration.seconds(20)
    private static let type = "run.completed"

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let console = context.console
        let http = WebClient()
        defer { http.stop() }
        let api = APIClient(access: try .find(context), http: http)
        let receiver = DemoReceiver()
        let port = try receiver.server.start()
        let url = "http://127.0.0.1:\(port)/hooks"
        let outcome: Result<ExitCode, any Error>
        do {
            let webhook = try await api.createWebhook(url: url, events: [type], description: "fanfare demo")
            console.line("A receiver listens on \(url), registered as webhook \(webhook.id)")
            do {
                outcome = .success(try await show(api, webhook, receiver, context))
            } catch {
                outcome = .failure(error)
            }
            try await api.deleteWebhook(webhook.id)
        } catch {
            await receiver.server.shutdown(deadline: .zero)
            throw error
        }
        await receiver.server.shutdown(deadline: .seconds(1))
        let code = try outcome.get()
        if api.access.isLocal { console.text(next(context)) }
        return code
    }

    private static func show(
        _ api: APIClient, _ webhook: APIClient.Webhook, _ receiver: DemoReceiver, _ context: CommandContext
    ) async throws -> ExitCode {
        let console = context.console
        let secret = try SigningSecret(webhook.secret)
        let start = ContinuousClock.now
        let event = try await api.publish(type, data: try EmitCommand.data(nil, type: type))
        console.line("Published \(event.id), a sample of \(type), in \(start.duration(to: .now).formatted)\n")
        guard let delivery = await receiver.delivery(of: event.id, within: patience, until: context.shutdown) else {
            throw ToolError(
                .remote,
                "no delivery within \(patience.components.seconds) s; see the logs of fanfare-matcher and fanfare-delivery"
            )
        }
        console.line("POST /hooks, \(start.duration(to: delivery.at).formatted) after it was published")
        for (name, value) in delivery.request.headers { console.line("  \(name): \(value)") }
        console.line("\n  \(String(decoding: delivery.request.body, as: UTF8.self))\n")
        console.line("Signature \(delivery.request.verdict(secret))")
        try delivery.request.verify(secret)
        return .done
    }

    /// As a shell reads it as one word.
    static func shellText(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F: true
            default: false
            }
        }
        return isPlain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }

    private static func next(_ context: CommandContext) -> String {
        let program = context.arguments["--dir"].map { " --dir \(shellText($0))" } ?? ""
        let tool = CommandLine.arguments.first ?? "fanfare"
        return """

            What next:
              \(tool) tail\(program) --since 1h                   follow the feed
              \(tool) listen\(program) --forward-to http://…      try your own receiver, signed like a webhook
              \(tool) emit\(program) run.completed '{"n":1}'      publish; `\(tool) status\(program)` has the URLs and the token

            """
    }
}

/// Keeps what is posted to it until somebody asks.
final class DemoReceiver: Sendable {
    struct Delivery: Sendable {
        var at: ContinuousClock.Instant
        var request: ReceivedDelivery
    }

    let server: HTTPServer
    private let deliveries: AsyncStream<Delivery>

    init() {
        // The few deliveries of one event: nothing is dropped, and nothing grows.
        let (deliveries, feed) = AsyncStream.makeStream(of: Delivery.self, bufferingPolicy: .bufferingOldest(64))
        self.deliveries = deliveries
        var routes = RouteTable()
        routes.add(
            .post, "/hooks", options: RouteOptions(maxBody: 1 << 20),
            .immediate { request in
                feed.yield(
                    Delivery(
                        at: .now, request: ReceivedDelivery(headers: request.headers.all, body: request.body)))
                return .text(200, "thanks\n")
            })
        var configuration = HTTPServerConfiguration()
        configuration.threadName = "receiver"
        configuration.maxConnections = 64
        server = HTTPServer(
            configuration: configuration, handler: Router(routes, logger: .silent), logger: .silent)
    }

    /// The first delivery of the event; nil when none comes in time.
    func delivery(of event: String, within limit: Duration, until stop: ShutdownSignal) async -> Delivery? {
        await withTaskGroup(of: Delivery?.self) { group in
            let deliveries = deliveries
            group.addTask {
                for await delivery in deliveries where delivery.request["webhook-id"] == event { return delivery }
                return nil
            }
            group.addTask {
                await stop.wait(atMost: limit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
