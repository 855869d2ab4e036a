import Backbone
import EventModel
import TestSupport
import Testing

extension BackboneContract {
    /// Outcomes come in any order; what is not done comes back after a crash, what is done does not after a goodbye.
    func completionIsOutOfOrderAndContiguous() async throws {
        try await withInstallation { installation in
            let endpoint = TestEvents.endpoint(1)
            let first = try await running(installation, "first", endpoints: { _ in [endpoint] }, outcome: { _ in nil })
            var oldest: LaneRecord?
            try await alongside(first.loops) {
                _ = try await first.process.log.ids(of: TestEvents.make(10, tenant: "one"))
                try await eventually("10 records") { first.worker.kept.count == 10 }
                let records = first.worker.kept.sorted { $0.pos < $1.pos }
                oldest = records[0]
                try await first.worker.finish(Array(records[5...].reversed()))
                try await first.worker.finish(Array(records[1..<5]))
                try await eventually("9 outcomes are recorded") { try await installation.auditRows() == 9 }
            }
            await first.process.kill()

            let second = try await running(installation, "second", endpoints: { _ in [endpoint] })
            try await alongside(second.loops) {
                try await eventually("the oldest comes back", within: .seconds(40)) {
                    second.worker.sent.contains { $0.record.delivery == oldest?.delivery }
                }
                try await eventually("its outcome is recorded") {
                    try await installation.auditRows() == 9 + second.worker.sent.count
                }
                await second.process.shutdown(.lanes)
            }
            // Nobody completes what its matcher would still read, and the marker may be of a partition that it holds.
            await second.process.kill()

            let third = try await running(installation, "third", endpoints: { _ in [endpoint] })
            try await alongside(third.loops) {
                let marker = try await third.process.log.ids(of: TestEvents.make(1, tenant: "one"))
                try await eventually("the marker is delivered", within: .seconds(40)) { !third.worker.sent.isEmpty }
                #expect(third.worker.sent.map(\.record.event) == marker)
            }
        }
    }

    /// A record whose endpoint hangs does not hold the lane: the others go on, and it is neither lost nor sent twice.
    func aStuckHeadIsMovedOutOfTheWay() async throws {
        try await withInstallation { installation in
            let (black, white) = Self.endpointsOfOneLane(installation.lanes)
            let one = try await running(
                installation, "one", endpoints: { _ in [black, white] },
                outcome: { $0.endpoint == black ? nil : .finished })
            try await alongside(one.loops) {
                let head = try await one.process.log.ids(of: TestEvents.make(1, tenant: "one"))
                try await eventually("the head hangs") { one.worker.kept.count == 1 }
                // Far more than the window holds, for an endpoint that answers; the other's are answered late.
                var count = 1
                for _ in 0..<20 {
                    count += try await one.process.log.ids(of: TestEvents.make(20, tenant: "one")).count
                    let late = one.worker.kept.filter { $0.event != head[0] }
                    try await one.worker.finish(late)
                }
                try await eventually("the others are delivered", within: .seconds(60)) {
                    try await one.worker.finish(one.worker.kept.filter { $0.event != head[0] })
                    return one.worker.sent.count >= 2 * count && one.worker.kept.map(\.event) == head
                }
                try await one.worker.finish(one.worker.kept)
                try await eventually("all outcomes are recorded") {
                    try await installation.auditRows() == 2 * count
                }
                #expect(Set(one.worker.sent.map(\.record.delivery)).count == 2 * count)
                #expect(one.worker.sent.count == 2 * count)
                await one.process.shutdown(.lanes)
            }
            await one.process.kill()
            // Past its deadline the copy would be sent, if it were still there.
            let next = try await running(installation, "next", endpoints: { _ in [white] })
            try await alongside(next.loops) {
                let marker = try await next.process.log.ids(of: TestEvents.make(1, tenant: "one"))
                try await eventually("the marker is delivered", within: .seconds(40)) { !next.worker.sent.isEmpty }
                #expect(next.worker.sent.map(\.record.event) == marker)
            }
        }
    }

    /// The same, and the process dies: the copy is sent by the next owner, not before its deadline.
    func aMovedHeadSurvivesItsProcess() async throws {
        try await withInstallation { installation in
            let (black, white) = Self.endpointsOfOneLane(installation.lanes)
            let one = try await running(
                installation, "one", endpoints: { _ in [black, white] },
                outcome: { $0.endpoint == black && $0.configVersion > 0 ? nil : .finished })
            var stuck: [LaneRecord] = []
            try await alongside(one.loops) {
                for _ in 0..<10 { _ = try await one.process.log.ids(of: TestEvents.make(10, tenant: "one")) }
                // 100 hang; with a window of 64 that cannot be unless heads are moved.
                try await eventually("heads were moved", within: .seconds(40)) { one.worker.kept.count > 64 }
                stuck = one.worker.kept
            }
            await one.process.kill()

            let next = try await running(installation, "next", endpoints: { _ in [] })
            try await alongside(next.loops) {
                try await eventually("all that hung is sent by the next", within: .seconds(60)) {
                    Set(stuck.map(\.delivery)).isSubset(of: next.worker.sent.map(\.record.delivery))
                }
            }
        }
    }

    static func endpointsOfOneLane(_ lanes: Int) -> (EndpointID, EndpointID) {
        let first = TestEvents.endpoint(1)
        let other = (2...).lazy.map(TestEvents.endpoint).first { $0.lane(of: lanes) == first.lane(of: lanes) }
        return (first, other ?? first)
    }

    /// What failed for good leaves its bytes.
    func deadDeliveriesLeaveALetter() async throws {
        try await withInstallation { installation in
            let one = try await running(
                installation, "one",
                outcome: { record in
                    .dead(
                        DeadLetter(
                            id: DeadLetterID(record.delivery.ulid), attempts: 5, errorClass: "http_5xx", status: 503,
                            reason: "exhausted"))
                })
            try await alongside(one.loops) {
                _ = try await one.process.log.ids(of: TestEvents.make(5))
                try await eventually("5 dead letters", within: .seconds(40)) {
                    try await installation.deadLetters() == 5
                }
                try await eventually("5 audit rows") { try await installation.auditRows() == 5 }
            }
        }
    }
}
