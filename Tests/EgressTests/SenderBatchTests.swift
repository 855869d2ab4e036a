import Egress
import Observability
import Synchronization
import TestSupport
import Testing

/// The sender itself: batches, bounds, cancelling, stopping.
@Suite(.timeLimit(.minutes(1))) struct SenderBatchTests {
    private struct Bench {
        let metrics = MetricsRegistry()
        let results = TestCollector<ExchangeResult>()
        let batches = TestCollector<Int>()
        let sender: HTTPSender

        init(configure: (inout HTTPSender.Settings) -> Void = { _ in }) {
            var settings = HTTPSender.Settings()
            configure(&settings)
            let (results, batches) = (results, batches)
            sender = HTTPSender(
                settings: settings, policy: .development, resolver: Resolver(metrics: metrics), metrics: metrics
            ) { batch in
                batches.append(batch.count)
                results.append(contentsOf: batch)
            }
        }

        func exchanges(_ tokens: Range<UInt64>, to url: String, timeout: Int32 = 10_000) throws -> [Exchange] {
            let target = try TargetURL(url, policy: .development)
            return tokens.map {
                Exchange(token: $0, target: target, body: [UInt8(ascii: "x")], timeoutMilliseconds: timeout)
            }
        }

        func rendered() -> String {
            var bytes: [UInt8] = []
            metrics.render(into: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test(arguments: [1, 2]) func `each exchange of a batch ends once`(_ threads: Int) async throws {
        let receivers = try (0..<4).map { _ in try TestReceiver { _ in [.answer(200)] } }
        let bench = Bench { $0.threads = threads }
        defer {
            receivers.forEach { $0.stop() }
            bench.sender.stop()
        }
        var batch: [Exchange] = []
        for (index, receiver) in receivers.enumerated() {
            batch += try bench.exchanges(UInt64(index * 50)..<UInt64(index * 50 + 50), to: receiver.url)
        }
        #expect(bench.sender.submit(batch))
        let results = await bench.results.first(200)
        #expect(Set(results.map(\.token)) == Set(0..<200))
        #expect(results.allSatisfy { $0.outcome == .status(200) })
        #expect(bench.sender.inFlight == 0)
        #expect(bench.rendered().contains("fanfare_egress_exchanges_total{outcome=\"2xx\"} 200"))
        #expect(bench.rendered().contains("fanfare_egress_in_flight 0"))
        #expect(bench.sender.submit([]))
    }

    @Test func `what does not fit is turned away whole`() async throws {
        let receiver = try TestReceiver { _ in [.hold] }
        let bench = Bench { $0.capacity = 10 }
        defer {
            receiver.stop()
            bench.sender.stop()
        }
        #expect(bench.sender.submit(try bench.exchanges(0..<8, to: receiver.url)))
        #expect(!bench.sender.submit(try bench.exchanges(8..<11, to: receiver.url)))
        #expect(bench.sender.inFlight == 8)
        #expect(bench.sender.submit(try bench.exchanges(8..<10, to: receiver.url)))
        bench.sender.cancel(3)
        #expect(await bench.results.first(1).map(\.token) == [3])
        #expect(bench.sender.submit(try bench.exchanges(20..<21, to: receiver.url)))
    }

    @Test(arguments: [1, 2]) func `stop ends all as cancelled`(_ threads: Int) async throws {
        let receiver = try TestReceiver { _ in [.hold] }
        defer { receiver.stop() }
        let bench = Bench { $0.threads = threads }
        #expect(bench.sender.submit(try bench.exchanges(0..<200, to: receiver.url)))
        _ = await receiver.requests.first(200)
        bench.sender.stop()
        bench.sender.stop()
        #expect(bench.results.values.count == 200)
        #expect(bench.results.values.allSatisfy { $0.outcome == .failure(.cancelled) && $0.mayHaveBeenDelivered })
        #expect(!bench.sender.submit(try bench.exchanges(0..<1, to: receiver.url)))
        #expect(bench.sender.inFlight == 0)
        #expect(bench.rendered().contains("fanfare_egress_connections 0"))
        for number in await receiver.ended.first(200) { #expect(number < 200) }
    }

    @Test func `many deadlines at once`() async throws {
        let receiver = try TestReceiver { _ in [.hold] }
        let bench = Bench()
        defer {
            receiver.stop()
            bench.sender.stop()
        }
        #expect(bench.sender.submit(try bench.exchanges(0..<300, to: receiver.url, timeout: 500)))
        let results = await bench.results.first(300)
        #expect(results.allSatisfy { $0.outcome == .failure(.timeout) || $0.outcome == .failure(.timeoutConnect) })
        #expect(results.allSatisfy { $0.timings.total >= 499_000 })
    }

    @Test func `an endpoint that hangs does not hold up its neighbours`() async throws {
        let silent = try TestReceiver { _ in [.hold] }
        let healthy = try TestReceiver { _ in [.answer(200)] }
        let bench = Bench { $0.lanesPerThread = 1 }
        defer {
            silent.stop()
            healthy.stop()
            bench.sender.stop()
        }
        #expect(bench.sender.submit(try bench.exchanges(0..<100, to: silent.url)))
        #expect(bench.sender.submit(try bench.exchanges(100..<200, to: healthy.url)))
        #expect(Set(await bench.results.first(100).map(\.token)) == Set(100..<200))
    }

    @Test func `what may not be sent any more when the connection stands is withheld`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let metrics = MetricsRegistry()
        let results = TestCollector<ExchangeResult>()
        let epoch = Mutex<Int64>(1)
        var settings = HTTPSender.Settings()
        settings.maySend = { claim in claim.part == 7 && claim.epoch == epoch.withLock(\.self) }
        let sender = HTTPSender(
            settings: settings, policy: .development, resolver: Resolver(metrics: metrics), metrics: metrics
        ) { results.append(contentsOf: $0) }
        defer {
            receiver.stop()
            sender.stop()
        }
        var exchange = Exchange(token: 1, target: try TargetURL(receiver.url, policy: .development))
        exchange.claim = Exchange.Claim(part: 7, epoch: 1)
        // Once on a new connection, once on one that is there.
        for token in UInt64(1)...2 {
            exchange.token = token
            #expect(sender.submit([exchange]))
            _ = await results.first(Int(token))
        }
        epoch.withLock { $0 = 2 }
        exchange.token = 3
        #expect(sender.submit([exchange]))
        let ended = await results.first(3)
        #expect(ended.map(\.wasWithheld) == [false, false, true])
        #expect(ended[2].outcome == .failure(.cancelled) && !ended[2].mayHaveBeenDelivered)
        #expect(receiver.requests.values.count == 2)
    }

    private final class SenderSlot: Sendable {
        let sender = Mutex<HTTPSender?>(nil)
    }

    @Test func `completions may submit more`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let metrics = MetricsRegistry()
        let results = TestCollector<UInt64>()
        let target = try TargetURL(receiver.url, policy: .development)
        let next = SenderSlot()
        let sender = HTTPSender(policy: .development, resolver: Resolver(metrics: metrics), metrics: metrics) { batch in
            results.append(contentsOf: batch.map(\.token))
            for result in batch where result.token < 5 {
                _ = next.sender.withLock(\.self)?.submit([Exchange(token: result.token + 1, target: target)])
            }
        }
        next.sender.withLock { $0 = sender }
        defer {
            next.sender.withLock { $0 = nil }
            receiver.stop()
            sender.stop()
        }
        #expect(sender.submit([Exchange(token: 0, target: target)]))
        #expect(await results.first(6) == [0, 1, 2, 3, 4, 5])
    }

    @Test func `connections in flight are not closed for want of room in the pool`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let bench = Bench { $0.idleConnectionsPerLane = 4 }
        defer {
            receiver.stop()
            bench.sender.stop()
        }
        for round in 0..<10 {
            #expect(
                bench.sender.submit(try bench.exchanges(UInt64(round * 40)..<UInt64(round * 40 + 40), to: receiver.url))
            )
            _ = await bench.results.first(round * 40 + 40)
        }
        #expect(receiver.connections.values.count <= 80)
    }
}
