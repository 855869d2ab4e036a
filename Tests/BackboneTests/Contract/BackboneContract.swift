import Backbone
import EventModel
import TestSupport
import Testing

/// What every backbone promises, tried on an installation of any kind. One function a promise; a suite for each kind of
/// backbone calls them.
struct BackboneContract<Installation: BackboneInstallation> {
    typealias Process = Installation.Process

    /// Makes a fresh installation.
    let install: @Sendable () async throws -> Installation

    /// Runs `body` on a fresh installation and ends it.
    func withInstallation(_ body: (Installation) async throws -> Void) async throws {
        let installation = try await install()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(installation))
        } catch {
            result = .failure(error)
        }
        await installation.close()
        try result.get()
    }

    /// Runs matchers and workers beside `body`; they are cancelled at its end.
    func alongside(
        _ loops: [@Sendable () async throws -> Void], _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            for loop in loops {
                group.addTask {
                    do {
                        try await loop()
                    } catch let error as BackboneError where error.code == .stopped {
                        // The test ended its process.
                    }
                }
            }
            try await body()
            group.cancelAll()
        }
    }

    // MARK: The way of an event

    func eventsReachTheirEndpointsInOrder() async throws {
        try await withInstallation { installation in
            let process = try await installation.process("one")
            try await process.start(.log, .fanOut, .lanes)
            let matcher = TestMatcher(process.fanOut) { [TestEvents.endpoint(of: $0.tenant, among: 7)] }
            let worker = TestWorker(process.lanes)
            try await alongside([matcher.run, worker.run]) {
                var ids: [EventID] = []
                for _ in 0..<20 { ids += try await process.log.ids(of: TestEvents.make(25)) }
                try await eventually("500 deliveries") { worker.sent.count >= 500 }
                try await eventually("500 audit rows") { try await installation.auditRows() == 500 }
                let sent = worker.sent.map(\.record)
                #expect(Set(sent.map(\.event)) == Set(ids))
                #expect(sent.count == 500)
                for (_, records) in Dictionary(grouping: sent, by: \.endpoint) {
                    let positions = records.map(\.pos)
                    #expect(positions == positions.sorted())
                }
                #expect(try await installation.feed().count == 500)
                #expect(sent.allSatisfy { $0.attempt == 1 && $0.cause == .live })
                #expect(
                    sent.allSatisfy {
                        $0.delivery == DeliveryID(event: $0.event, endpoint: $0.endpoint, cause: .live)
                    })
            }
        }
    }

    func envelopesAreDeliveredByteForByte() async throws {
        try await withInstallation { installation in
            let process = try await installation.process("one")
            try await process.start(.log, .fanOut, .lanes)
            let matcher = TestMatcher(process.fanOut) { _ in [TestEvents.endpoint(1), TestEvents.endpoint(2)] }
            let worker = TestWorker(process.lanes)
            try await alongside([matcher.run, worker.run]) {
                var events = TestEvents.make(3)
                events[0].envelope = [0, 255, 10, 13, 92, 34]
                events[1].envelope = Array(repeating: UInt8(ascii: "x"), count: 200_000)
                events[2].envelope = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                _ = try await process.log.ids(of: events)
                try await eventually("6 deliveries") { worker.sent.count >= 6 }
                for event in events {
                    let records = worker.sent.map(\.record).filter { $0.event == event.id }
                    #expect(records.count == 2)
                    #expect(records.allSatisfy { $0.envelope == event.envelope })
                    #expect(records.allSatisfy { $0.tenant == event.tenant && $0.type == event.type })
                }
            }
        }
    }
}
