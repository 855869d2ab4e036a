import CCurl
import EventModel
import Glibc
import Observability
import TestSupport
import Testing

@testable import Egress

/// What an attempt connects to is judged at the attempt.
@Suite(.timeLimit(.minutes(1))) struct AddressGuardTests {
    @Test func `a name is pinned to its address and keeps its own name`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let harness = EgressHarness(names: ["hook.test": [["127.0.0.1"]]])
        defer {
            receiver.stop()
            harness.stop()
        }
        for _ in 0..<2 {
            let result = try await harness.post("http://hook.test:\(receiver.port)/")
            #expect(result.outcome == .status(200))
            #expect(result.peer == IPAddress("127.0.0.1"))
        }
        let requests = await receiver.requests.first(2)
        #expect(requests.map { $0.header("host") } == ["hook.test:\(receiver.port)", "hook.test:\(receiver.port)"])
        #expect(requests.map(\.connection) == [0, 0])
    }

    @Test(arguments: [
        ["93.184.216.34", "127.0.0.1"], ["93.184.216.34", "::1"], ["127.0.0.1"], ["::ffff:127.0.0.1"],
        ["169.254.169.254"],
        ["fd00:ec2::254"], ["64:ff9b::7f00:1"],
    ])
    func `a name with a forbidden address is refused unsent`(_ addresses: [String]) async throws {
        var policy = AddressPolicy()
        policy.allowsPlainHTTP = true
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let harness = EgressHarness(policy: policy, names: ["hook.test": [addresses]])
        defer {
            receiver.stop()
            harness.stop()
        }
        let result = try await harness.post("http://hook.test:\(receiver.port)/")
        #expect(result.outcome == .failure(.refusedByPolicy))
        #expect(!result.mayHaveBeenDelivered)
        #expect(result.peer == nil)
        #expect(receiver.connections.values.isEmpty)
    }

    @Test func `a name that turns to a forbidden address is refused, pooled connection or not`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let harness = EgressHarness(names: [
            "hook.test": [["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "169.254.169.254"], ["127.0.0.1"]]
        ])
        defer {
            receiver.stop()
            harness.stop()
        }
        let url = "http://hook.test:\(receiver.port)/"
        #expect(try await harness.post(url).outcome == .status(200))
        #expect(try await harness.post(url).outcome == .failure(.refusedByPolicy))
        #expect(try await harness.post(url).outcome == .failure(.refusedByPolicy))
        #expect(try await harness.post(url).outcome == .status(200))
        #expect(receiver.requests.values.count == 2)
    }

    @Test func `a name that moves leaves its old connection`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let harness = EgressHarness(names: ["hook.test": [["127.0.0.1"], ["127.0.0.2"]]])
        defer {
            receiver.stop()
            harness.stop()
        }
        let url = "http://hook.test:\(receiver.port)/"
        #expect(try await harness.post(url).outcome == .status(200))
        // The receiver listens on 127.0.0.1 alone.
        let result = try await harness.post(url)
        #expect(result.outcome == .failure(.connect))
        #expect(result.peer == IPAddress("127.0.0.2"))
    }

    @Test func `the next address is tried, and the one that works is remembered`() async throws {
        let receiver = try TestReceiver { _ in [.answer(200), .close] }
        let harness = EgressHarness(names: ["hook.test": [["127.0.0.2", "127.0.0.3", "127.0.0.1"]]])
        defer {
            receiver.stop()
            harness.stop()
        }
        let url = "http://hook.test:\(receiver.port)/"
        for number in 1...3 {
            let result = try await harness.post(url)
            #expect(result.outcome == .status(200))
            #expect(result.peer == IPAddress("127.0.0.1"))
            _ = await receiver.ended.first(number)
        }
    }

    @Test func `IPv6 literals and names`() async throws {
        // A machine may have no IPv6.
        guard let receiver = try? TestReceiver(onV6: true, script: { _ in [.answer(200)] }) else { return }
        let harness = EgressHarness(names: ["hook.test": [["::1"]]])
        defer {
            receiver.stop()
            harness.stop()
        }
        for url in [receiver.url, "http://hook.test:\(receiver.port)/", receiver.url] {
            let result = try await harness.post(url)
            #expect(result.outcome == .status(200), "\(result.detail)")
            #expect(result.peer == IPAddress("::1"))
        }
        let hosts = await receiver.requests.first(3).map { $0.header("host") }
        #expect(hosts == ["[::1]:\(receiver.port)", "hook.test:\(receiver.port)", "[::1]:\(receiver.port)"])
    }

    @Test func `localhost works without a look-up, whichever family the receiver has`() async throws {
        let harness = EgressHarness()
        defer { harness.stop() }
        for onV6 in [false, true] {
            guard let receiver = try? TestReceiver(onV6: onV6, script: { _ in [.answer(200)] }) else { continue }
            defer { receiver.stop() }
            let result = try await harness.post("http://localhost:\(receiver.port)/")
            #expect(result.outcome == .status(200), "\(result.detail)")
        }
    }

    @Test func `names without addresses`() async throws {
        let harness = EgressHarness(names: ["empty.test": [[]]])
        defer { harness.stop() }
        let result = try await harness.post("http://absent.test/")
        #expect(result.outcome == .failure(.dns))
        #expect(!result.mayHaveBeenDelivered)
        #expect(try await harness.post("http://empty.test/").outcome == .failure(.dns))
    }

    @Test func `a look-up that takes too long ends with the exchange's own time`() async throws {
        let gate = TestGate()
        let metrics = MetricsRegistry()
        let resolver = Resolver(metrics: metrics) { _ in
            gate.wait()
            return .failure(ResolveError(.failed, "dead"))
        }
        let client = HTTPClient(policy: .development, resolver: resolver, metrics: metrics)
        defer {
            gate.open()
            client.stop()
            resolver.stop()
        }
        let target = try TargetURL("http://dead.test/", policy: .development)
        let result = await client.send(Exchange(token: 0, target: target, timeoutMilliseconds: 100))
        #expect(result.outcome == .failure(.dns))
        #expect(result.timings.dns >= 99_000)
        #expect(result.timings.total < 3_000_000)
    }

    @Test func `literals do not wait for dead name servers`() async throws {
        let gate = TestGate()
        let started = TestCollector<String>()
        let metrics = MetricsRegistry()
        let resolver = Resolver(metrics: metrics) { name in
            started.append(name)
            gate.wait()
            return .failure(ResolveError(.failed, "dead"))
        }
        let client = HTTPClient(policy: .development, resolver: resolver, metrics: metrics)
        let receiver = try TestReceiver { _ in [.answer(200)] }
        defer {
            gate.open()
            receiver.stop()
            client.stop()
            resolver.stop()
        }
        let dead = try TargetURL("http://dead.test/", policy: .development)
        let literal = try TargetURL(receiver.url, policy: .development)
        async let waiting = client.send(Exchange(token: 0, target: dead, timeoutMilliseconds: 3_000))
        _ = await started.first(1)
        #expect(await client.send(Exchange(token: 0, target: literal)).outcome == .status(200))
        gate.open()
        #expect(await waiting.outcome == .failure(.dns))
        #expect(started.values == ["dead.test"])
    }

    /// The guards behind the pin, called as libcurl would call them if the pin did not hold.
    @Test func `sockets and requests to other addresses are refused`() throws {
        let metrics = MetricsRegistry()
        let shared = SenderShared(
            settings: HTTPSender.Settings(), policy: .development, resolver: Resolver(metrics: metrics),
            metrics: SenderMetrics(metrics)
        ) { _ in }
        try #require(CurlLibrary.isReady)
        let worker = EgressWorker(shared: shared, inbox: SenderInbox())
        let flight = try #require(Flight(worker: worker))
        let exchange = Exchange(token: 0, target: try TargetURL("http://hook.test/", policy: .development))
        let own = Unmanaged.passUnretained(flight).toOpaque()

        func board(_ address: String) throws {
            flight.board(PendingExchange(exchange: exchange, started: 0), addresses: [try #require(IPAddress(address))])
        }
        func opens(_ family: Int32, _ bytes: [UInt8]) -> Bool {
            var address = curl_sockaddr()
            address.family = family
            address.socktype = Int32(SOCK_STREAM.rawValue)
            // The address begins where libcurl's declaration of it does, and goes on behind it.
            let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0
            let memory = UnsafeMutableRawPointer.allocate(byteCount: offset + 128, alignment: 16)
            defer { memory.deallocate() }
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: offset + 128)
            memory.copyMemory(from: &address, byteCount: MemoryLayout<curl_sockaddr>.size)
            let socket = (memory + offset).assumingMemoryBound(to: sockaddr.self)
            socket.pointee.sa_family = sa_family_t(family)
            (memory + offset + (family == AF_INET ? 4 : 8)).copyMemory(from: bytes, byteCount: bytes.count)
            let descriptor = flightOpensSocket(
                own, CURLSOCKTYPE_IPCXN, memory.assumingMemoryBound(to: curl_sockaddr.self))
            if descriptor >= 0 { worker.sockets.close(descriptor) }
            return descriptor >= 0
        }
        func sends(to peer: String) -> Bool {
            var text = Array(peer.utf8CString)
            return text.withUnsafeMutableBufferPointer {
                flightIsAboutToSend(own, $0.baseAddress, nil, 80, 0) == CURL_PREREQFUNC_OK
            }
        }

        try board("127.0.0.1")
        #expect(opens(AF_INET, [127, 0, 0, 1]))
        #expect(!flight.wasRefused)
        #expect(!opens(AF_INET, [127, 0, 0, 2]))
        #expect(flight.wasRefused)
        #expect(!opens(AF_INET6, [UInt8](repeating: 0, count: 10) + [255, 255, 127, 0, 0, 1]))

        try board("127.0.0.1")
        #expect(!sends(to: "169.254.169.254"))
        #expect(flight.wasRefused)
        #expect(flight.requestsSent == 0)

        try board("127.0.0.1")
        #expect(sends(to: "127.0.0.1"))
        #expect(!flight.wasRefused)
        #expect(!sends(to: "127.0.0.1"), "a second time is a repetition")
        #expect(!opens(AF_INET, [127, 0, 0, 1]))

        try board("2606:4700::1111")
        #expect(opens(AF_INET6, [0x26, 0x06, 0x47, 0] + [UInt8](repeating: 0, count: 10) + [0x11, 0x11]))
        #expect(sends(to: "2606:4700:0:0::1111"))
    }
}
