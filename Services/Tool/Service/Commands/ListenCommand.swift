internal import Egress
internal import EventCodec
internal import EventModel
internal import ServiceKit
internal import Signing
internal import Store

/// `fanfare listen`: deliveries without a public address.
enum ListenCommand {
    static let command = Command(
        CommandSpec(
            name: "listen",
            summary: "signs what the feed brings as a webhook would, for trying a receiver on this machine",
            options: [
                .init("--forward-to", "URL", "posts each event to this URL; else verifies the signature and prints it"),
                .init("--events", "TYPES", "only these types or families, separated by commas"),
                .init("--secret", "SECRET", "signs with this; else with a new secret, which is printed"),
                .init("--count", "N", "ends after N events"),
            ] + .remote,
            details: """
                Headers and body are those of a real delivery, so the receiver's verification can be tried. Nothing is retried:
                a failure is printed, and the next event is next. No webhook is registered.
                """)
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let target = try context.arguments["--forward-to"].map { (url) throws(ToolError) in
            try WebClient.target(url).text
        }
        let count = try context.arguments.int("--count", in: 1...Int.max) ?? Int.max
        let types = (context.arguments["--events"] ?? "").split(separator: ",").map { String($0.filter { $0 != " " }) }
        let secret = try secret(context.arguments["--secret"])
        let http = WebClient()
        defer { http.stop() }
        let console = context.console
        let follower = FeedFollower(
            api: APIClient(access: try .find(context), http: http), console: console,
            query: try TailCommand.query(types: types, smith: nil, since: nil))
        let listener = Listener(secret: secret, target: target, http: http, console: console)
        var seen = 0
        var hasTold = false
        try await follower.follow(
            until: context.shutdown,
            onOpen: {
                guard !hasTold else { return }
                hasTold = true
                console.progress("Listening; signing with \(secret.text)\(target.map { ", posting to \($0)" } ?? "")")
            },
            { event in
                seen += 1
                return await listener.deliver(event.data) && seen < count
            })
        return .done
    }

    private static func secret(_ given: String?) throws(ToolError) -> SigningSecret {
        guard let given else { return .generate() }
        do throws(SigningError) {
            return try SigningSecret(given)
        } catch {
            throw ToolError(.usage, "--secret: \(error.message)")
        }
    }
}

/// Makes a delivery of each envelope.
struct Listener: Sendable {
    let secret: SigningSecret
    let target: String?
    let http: WebClient
    let console: Console
    private let signer: DeliverySigner
    private let headers: DeliveryHeaders
    private let endpoint: EndpointID

    init(secret: SigningSecret, target: String?, http: WebClient, console: Console) {
        self.secret = secret
        self.target = target
        self.http = http
        self.console = console
        signer = DeliverySigner(secret)
        endpoint = .make(at: SystemClock().now())
        do throws(SigningError) {
            headers = try DeliveryHeaders(userAgent: "Fanfare/\(BuildInfo.version)")
        } catch {
            preconditionFailure("the usual prefix is one: \(error)")
        }
    }

    /// False when nobody reads the lines any more.
    func deliver(_ envelope: [UInt8]) async -> Bool {
        let line = TailCommand.line(envelope)
        guard let block = block(for: envelope) else { return console.line("\(line)\n  is no envelope") }
        guard let target else {
            let verdict = Self.verdict(block, envelope, secret)
            return console.line("\(line)\n  \(verdict)")
        }
        do throws(ToolError) {
            let start = ContinuousClock.now
            let answer = try await http.send(
                .post, target, headers: HeaderBlock(lines: block), body: envelope, timeout: .seconds(30))
            let time = start.duration(to: .now).formatted
            return console.line("\(line)\n  \(answer.status) in \(time)")
        } catch {
            return console.line("\(line)\n  \(error.message)")
        }
    }

    private func block(for envelope: [UInt8]) -> [UInt8]? {
        guard let event = try? Envelope(reading: envelope) else { return nil }
        let now = SystemClock().now()
        var block: [UInt8] = []
        headers.write(
            DeliveryHeaders.Attempt(
                event: event.id, type: event.type, delivery: .make(at: now), endpoint: endpoint, number: 1,
                timestamp: now.seconds),
            body: envelope.span, signer: signer, to: &block)
        return block
    }

    private static func verdict(_ block: [UInt8], _ body: [UInt8], _ secret: SigningSecret) -> String {
        let received = ReceivedDelivery(lines: String(decoding: block, as: UTF8.self), body: body)
        return received.verdict(secret)
    }
}

extension Duration {
    /// In milliseconds, with one digit behind the point.
    var formatted: String {
        let tenths = components.seconds * 10_000 + components.attoseconds / 100_000_000_000_000
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
