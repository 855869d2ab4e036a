import Observability
import ServiceKit
import Synchronization
import TestSupport
import Testing

/// A service that writes down what happens to it.
private struct Recorded: Service {
    let name: String
    let journal: Journal
    /// What it does between its start and its end.
    var body: @Sendable (ShutdownSignal) async throws -> Void = { await $0.wait() }

    func run(until stop: ShutdownSignal) async throws {
        journal.write("\(name) starts")
        try await body(stop)
        journal.write("\(name) ends")
    }
}

private final class Journal: Sendable {
    private let entries = Mutex<[String]>([])
    func write(_ entry: String) { entries.withLock { $0.append(entry) } }
    var all: [String] { entries.withLock { $0 } }
    func count(_ suffix: String) -> Int { all.count { $0.hasSuffix(suffix) } }
}

private struct Broken: Error {}

@Suite struct ServiceGroupTests {
    private let journal = Journal()
    private let sink = CapturingLogSink()
    private let shutdown = ShutdownSignal()

    private func group(
        _ services: [any Service], delay: Duration = .zero, grace: Duration = .seconds(60),
        whenGraceIsOver: @escaping @Sendable ([String]) -> Void = { _ in }
    ) -> ServiceGroup {
        ServiceGroup(
            services, timing: ServiceGroup.Timing(delay: delay, grace: grace),
            logger: Logger(service: "test", sink: sink), willStop: { [journal] in journal.write("unready") },
            whenGraceIsOver: whenGraceIsOver)
    }

    /// Asks for the end once all services have started.
    private func run(_ group: ServiceGroup, services: Int) async throws -> ExitCode {
        async let code = group.run(until: shutdown)
        try await eventually("all have started") { journal.count("starts") == services }
        shutdown.request()
        return await code
    }

    @Test func `services end one after the other, in the order given`() async throws {
        let services = ["intake", "drain", "store"].map { Recorded(name: $0, journal: journal) }
        #expect(try await run(group(services), services: 3) == .done)
        #expect(journal.all.suffix(4) == ["unready", "intake ends", "drain ends", "store ends"])
        #expect(sink.lines.isEmpty)
    }

    @Test func `the next is not stopped before the one in front has drained`() async throws {
        let gate = ShutdownSignal()
        let journal = journal
        let intake = Recorded(name: "intake", journal: journal) { stop in
            await stop.wait()
            journal.write("intake drains")
            await gate.wait()
        }
        let store = Recorded(name: "store", journal: journal)
        async let code = run(group([intake, store]), services: 2)
        try await eventually("the intake drains") { journal.all.contains("intake drains") }
        #expect(!journal.all.contains("store ends"))
        gate.request()
        #expect(try await code == .done)
        #expect(journal.all.suffix(2) == ["intake ends", "store ends"])
    }

    @Test func `a service that fails brings the others down in order`() async throws {
        let services: [any Service] = [
            Recorded(name: "intake", journal: journal),
            Recorded(name: "broken", journal: journal) { _ in throw Broken() },
            Recorded(name: "store", journal: journal),
        ]
        #expect(await group(services, delay: .seconds(3600)).run(until: shutdown) == .failed)
        #expect(shutdown.isRequested)
        #expect(journal.all.suffix(2) == ["intake ends", "store ends"])
        #expect(sink.lines.count == 1)
        #expect(
            try #require(sink.lines.first).hasSuffix(#""msg":"a service failed","what":"broken","reason":"Broken()"}"#))
    }

    @Test func `a service that returns unasked is a failure`() async throws {
        let services: [any Service] = [
            Recorded(name: "intake", journal: journal), Recorded(name: "short", journal: journal) { _ in },
        ]
        #expect(await group(services).run(until: shutdown) == .failed)
        #expect(try #require(sink.lines.first).contains(#""msg":"a service ended unasked","what":"short""#))
    }

    @Test func `a failure while draining makes the result failed and the rest still ends`() async throws {
        let services: [any Service] = [
            Recorded(name: "intake", journal: journal) { stop in
                await stop.wait()
                throw Broken()
            }, Recorded(name: "store", journal: journal),
        ]
        #expect(try await run(group(services), services: 2) == .failed)
        #expect(journal.all.last == "store ends")
    }

    @Test func `cancelled work that says so has ended well`() async throws {
        let service = NamedService(
            "loop",
            cancelling: { [journal] in
                journal.write("loop starts")
                try await Task.sleep(for: .seconds(3600))
            })
        #expect(try await run(group([service]), services: 1) == .done)
    }

    @Test func `what ends by cancellation drains, and its failure counts`() async throws {
        let service = NamedService(
            "lanes",
            cancelling: { [journal] in
                journal.write("lanes starts")
                await ShutdownSignal().wait()
                journal.write("lanes is cancelled: \(Task.isCancelled)")
                throw Broken()
            })
        #expect(try await run(group([service]), services: 1) == .failed)
        #expect(journal.all.last == "lanes is cancelled: true")
    }

    @Test func `what is told to shut down drains uncancelled`() async throws {
        let told = ShutdownSignal()
        let service = NamedService(
            "lanes",
            run: { [journal] in
                journal.write("lanes starts")
                await told.wait()
                journal.write("lanes is cancelled: \(Task.isCancelled)")
            }, shutdown: { told.request() })
        #expect(try await run(group([service]), services: 1) == .done)
        #expect(journal.all.last == "lanes is cancelled: false")
    }

    @Test func `what returns unasked is not told to shut down`() async throws {
        let service = NamedService("lanes", run: {}, shutdown: { [journal] in journal.write("told") })
        #expect(await group([service]).run(until: shutdown) == .failed)
        #expect(!journal.all.contains("told"))
    }

    @Test func `who still drains when the grace is over is named`() async throws {
        let gate = ShutdownSignal()
        let given = Mutex<[String]>([])
        let stuck = Recorded(name: "stuck", journal: journal) { _ in await gate.wait() }
        let group = group([stuck, Recorded(name: "store", journal: journal)], grace: .milliseconds(20)) { running in
            given.withLock { $0 = running }
            gate.request()
        }
        #expect(try await run(group, services: 2) == .failed)
        #expect(given.withLock { $0 } == ["stuck", "store"])
    }

    @Test func `nothing is stopped before the delay is over`() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let code = try await run(
            group([Recorded(name: "intake", journal: journal)], delay: .milliseconds(60)), services: 1)
        #expect(code == .done)
        #expect(clock.now - start >= .milliseconds(60))
        #expect(journal.all == ["intake starts", "unready", "intake ends"])
    }

    @Test func `a failure during the delay ends the waiting`() async throws {
        let gate = ShutdownSignal()
        let late = Recorded(name: "late", journal: journal) { _ in
            await gate.wait()
            throw Broken()
        }
        async let code = run(
            group([Recorded(name: "intake", journal: journal), late], delay: .seconds(3600)), services: 2)
        try await eventually("readiness has turned") { journal.all.contains("unready") }
        gate.request()
        #expect(try await code == .failed)
    }

    @Test func `a group of nothing waits to be asked`() async throws {
        #expect(try await run(group([]), services: 0) == .done)
    }
}
