import Egress
import Observability
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ResolverTests {
    @Test(arguments: ["localhost", "a.localhost"]) func `names of this machine need no look-up`(_ name: String)
        async throws
    {
        let resolver = Resolver(metrics: MetricsRegistry()) { _ in .failure(ResolveError(.failed, "")) }
        defer { resolver.stop() }
        #expect(try await resolver.addresses(of: name).map(\.description) == ["127.0.0.1", "::1"])
    }

    @Test func `the system's own names are found`() async throws {
        let resolver = Resolver(metrics: MetricsRegistry())
        defer { resolver.stop() }
        // A literal is answered by getaddrinfo without servers; host names differ from machine to machine.
        #expect(try await resolver.addresses(of: "192.0.2.7") == [IPAddress(v4: 0xC000_0207)])
        #expect(try await resolver.addresses(of: "2001:db8::7").map(\.description) == ["2001:db8::7"])
    }

    @Test func `one look-up at a time for a name`() async throws {
        let calls = Atomic<Int>(0)
        let gate = TestGate()
        let resolver = Resolver(metrics: MetricsRegistry()) { _ in
            calls.wrappingAdd(1, ordering: .relaxed)
            gate.wait()
            return .success([IPAddress(v4: 1)])
        }
        defer { resolver.stop() }
        try await withThrowingTaskGroup(of: [IPAddress].self) { group in
            for _ in 0..<50 { group.addTask { try await resolver.addresses(of: "a.test") } }
            try await eventually("the look-up runs") { calls.load(ordering: .relaxed) == 1 }
            gate.open()
            for try await addresses in group { #expect(addresses == [IPAddress(v4: 1)]) }
        }
        #expect(calls.load(ordering: .relaxed) == 1)
        _ = try await resolver.addresses(of: "a.test")
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test func `500 names of dead servers do not block others`() async throws {
        let running = Mutex((now: 0, most: 0))
        let gate = TestGate()
        var limits = Resolver.Limits()
        limits.threads = 8
        limits.lookupDeadline = .milliseconds(300)
        let resolver = Resolver(limits: limits, metrics: MetricsRegistry()) { name in
            guard name.hasPrefix("dead") else { return .success([IPAddress(v4: 1)]) }
            running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            gate.wait()
            running.withLock { $0.now -= 1 }
            return .failure(ResolveError(.failed, "dead"))
        }
        defer {
            gate.open()
            resolver.stop()
        }
        #expect(try await resolver.addresses(of: "good.test") == [IPAddress(v4: 1)])
        await withTaskGroup(of: ResolveError.Code?.self) { group in
            for number in 0..<500 {
                group.addTask {
                    do throws(ResolveError) {
                        _ = try await resolver.addresses(of: "dead\(number).test")
                        return nil
                    } catch {
                        return error.code
                    }
                }
            }
            for await code in group { #expect(code == .timedOut) }
        }
        // Not one of the dead look-ups has returned, and still a good name is answered and refreshed.
        #expect(running.withLock(\.now) == 6)
        #expect(running.withLock(\.most) == 6)
        #expect(try await resolver.addresses(of: "good.test") == [IPAddress(v4: 1)])
    }

    @Test func `stop answers who waits`() async throws {
        let gate = TestGate()
        let started = TestCollector<String>()
        let resolver = Resolver(metrics: MetricsRegistry()) { name in
            started.append(name)
            gate.wait()
            return .success([])
        }
        defer { gate.open() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: ResolveError(.stopped, "")) { try await resolver.addresses(of: "a.test") }
            }
            _ = await started.first(1)
            resolver.stop()
        }
        await #expect(throws: ResolveError(.stopped, "")) { try await resolver.addresses(of: "b.test") }
    }

    @Test(arguments: [
        (["93.184.216.34"], "allowed"), (["93.184.216.34", "127.0.0.1"], "refused"),
        (["93.184.216.34", "::1"], "refused"),
        (["127.0.0.1"], "refused"), (["169.254.169.254"], "refused"), ([], "unresolved"),
    ])
    func `the verdict on a name is that of its worst address`(_ texts: [String], _ expected: String) async throws {
        let resolver = Resolver(metrics: MetricsRegistry()) { _ in
            texts.isEmpty ? .failure(ResolveError(.notFound, "")) : .success(texts.compactMap { IPAddress($0) })
        }
        defer { resolver.stop() }
        let url = try TargetURL("https://hook.example.com/", policy: AddressPolicy())
        switch await resolver.verdict(on: url, policy: AddressPolicy()) {
        case .allowed(let addresses):
            #expect(expected == "allowed")
            #expect(addresses.count == texts.count)
        case .refused: #expect(expected == "refused")
        case .unresolved: #expect(expected == "unresolved")
        }
    }
}
