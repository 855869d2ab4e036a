import EventCodec
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// An event goes in, is on the feed, and comes out signed.
    @Suite struct PipelineTests {
        private static let data = #"{"text":"é \u00e9 \/ 🚀","n":1.50e2,"null":null,"n":[],"deep":{"a":[{"b":1}]}}"#

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `every reader gets the same bytes, and every verifier accepts them`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let own = try await installation.watch(receiver, events: ["signed"])
            let other = try TestReceiver { _ in [.answer(200, body: "ok")] }
            let callers = try await installation.watch(
                other, events: ["signed.one"], #""secret":"a secret of the caller's own, ~!""#)
            let stream = try await onThread { [status = installation.status] in
                try EventStream(status, "/v1/events/stream?type=signed")
            }
            let id = try await installation.publish("signed.one", Self.data)

            let request = try #require(await receiver.requests.first(1).first)
            let second = try #require(await other.requests.first(1).first)
            let single = try await installation.request("GET", "/v1/events/\(id)")
            #expect(single.body == request.body)
            #expect(second.body == request.body)
            let streamed = try await onThread { try stream.nextData() }
            #expect(streamed == String(decoding: request.body, as: UTF8.self))
            #expect(streamed.hasSuffix(#""data":\#(Self.data)}"#))
            #expect(request.header("X-IC-Event-Id") == id)
            let names = Set(request.headerLines.map { String($0.prefix { $0 != ":" }) })
            for name in [
                "Content-Type", "X-IC-Event-Id", "X-IC-Signature", "X-IC-Event-Type", "X-IC-Delivery-Id",
                "X-IC-Webhook-Id", "X-IC-Attempt", "webhook-id", "webhook-timestamp", "webhook-signature", "User-Agent",
                "traceparent",
            ] { #expect(names.contains(name), "\(name) is not there in this case") }
            try await Verifiers.check([(request, own.secret), (second, callers.secret)])

            #expect(try await installation.findings([own, callers], acknowledged: [.init(event: id)]) == [])
            try await installation.delete(own)
            try await installation.delete(callers)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `an event accepted right after a webhook's 201 is delivered to it`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            var webhooks: [WatchedWebhook] = []
            var acknowledged: [DeliveryEvidence.Acknowledged] = []
            for number in 0..<12 {
                webhooks.append(try await installation.watch(receiver, events: ["fresh.n\(number)"]))
                acknowledged.append(.init(event: try await installation.publish("fresh.n\(number)")))
            }
            let ids = Set(await receiver.requests.first(12).compactMap { $0.header("X-IC-Event-Id") })
            #expect(ids == Set(acknowledged.map(\.event)))
            for webhook in webhooks { try await installation.delete(webhook) }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `two ingests that get the same keys at the same time keep one event a key`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["twin"])
            let another = try installation.startAnother(.ingest)
            try await another.ready()
            let ports = [installation.status.ingestPort, another.port]
            let token = installation.status.token
            let pairs = try await withThrowingTaskGroup { group in
                for number in 0..<60 {
                    for port in ports {
                        group.addTask {
                            let answer = try await TestHTTP.request(
                                "POST", port: port, "/v1/events",
                                headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
                                body: Array(
                                    #"{"type":"twin.a","idempotency_key":"twin-\#(number)","data":{"from":\#(port)}}"#
                                        .utf8))
                            let value = try JSONValue(parsing: answer.body)
                            guard answer.status == 202, case .string(let id)? = value["id"] else {
                                throw EndToEndError(description: "\(answer.status) \(answer.text)")
                            }
                            return (number, id, value["duplicate"] == .bool(true))
                        }
                    }
                }
                return try await group.reduce(into: [(Int, String, Bool)]()) { $0.append($1) }
            }
            let acknowledged = pairs.map { DeliveryEvidence.Acknowledged(event: $0.1, key: "twin-\($0.0)") }
            #expect(Set(pairs.map(\.1)).count == 60)
            // On Postgres the answer is exact.
            if backbone == .postgres { #expect(pairs.count { $0.2 } == 60) }
            #expect(try await installation.findings([webhook], acknowledged: acknowledged) == [])
            #expect(receiver.requests.values.count == 60)
            await another.process.stop()
            try await installation.delete(webhook)
        }
    }
}

/// A stream of events, read as it stands on the wire. Its calls block.
final class EventStream: Sendable {
    private let connection: TestBox<RawConnection>

    init(_ status: InstallationStatus, _ target: String) throws {
        let raw = try RawConnection(port: UInt16(status.feedPort))
        try raw.sendRequest("GET", target, headers: [("Authorization", "Bearer \(status.token)")])
        let head = try raw.readHead()
        guard head.status == 200 else { throw EndToEndError(description: "the stream answered \(head.status)") }
        connection = TestBox(raw)
    }

    /// The data of the next event; comments are passed over.
    func nextData() throws -> String {
        try connection.use { raw in
            while true {
                let line = String(decoding: try raw.take(until: Array("\n".utf8)), as: UTF8.self)
                if line.hasPrefix("data:") { return String(line.dropFirst(5).drop { $0 == " " }) }
            }
        }
    }
}
