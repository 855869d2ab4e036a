internal import Store
internal import TestSupport
internal import Testing

@testable internal import ToolService

/// What `fanfare partitions grow` makes of what it is asked for.
@Suite struct GrowthPlanTests {
    private let known = PartitionCounts(events: 12, lanes: 48)

    @Test func `what is not named stays`() throws {
        let lanes = try GrowthPlan(events: nil, lanes: 96, known: known, unfinished: nil)
        #expect(lanes.from == known && lanes.to == PartitionCounts(events: 12, lanes: 96))
        #expect(lanes.text == "events  12, as they are\nlanes   48 → 96\n")
        let events = try GrowthPlan(events: 13, lanes: nil, known: known, unfinished: nil)
        #expect(events.to == PartitionCounts(events: 13, lanes: 48))
        let same = try GrowthPlan(events: 12, lanes: 48, known: known, unfinished: nil)
        #expect(same.isNothing && !lanes.isNothing)
    }

    @Test func `fewer are refused with the reason, and so is nothing at all`() {
        for (events, lanes) in [(11, nil), (nil, 47), (24, 47), (1, 1)] as [(Int?, Int?)] {
            #expect {
                try GrowthPlan(events: events, lanes: lanes, known: known, unfinished: nil)
            } throws: { error in
                (error as? ToolError)?.code == .usage && "\(error)".contains("partitions only grow")
            }
        }
        #expect(throws: ToolError.self) { try GrowthPlan(events: nil, lanes: nil, known: known, unfinished: nil) }
    }

    @Test func `a growth that did not end is ended before another`() throws {
        let unfinished = PartitionGrowth.Unfinished(from: known, to: PartitionCounts(events: 12, lanes: 96))
        // The topics may say anything between the two meanwhile.
        let between = PartitionCounts(events: 12, lanes: 96)
        let again = try GrowthPlan(events: nil, lanes: 96, known: between, unfinished: unfinished)
        #expect(again.from == known && again.to == unfinished.to)
        for (events, lanes) in [(nil, 97), (24, 96), (12, 48)] as [(Int?, Int?)] {
            #expect {
                try GrowthPlan(events: events, lanes: lanes, known: between, unfinished: unfinished)
            } throws: {
                "\($0)".contains("--events 12 --lanes 96")
            }
        }
    }

    @Test func `the services' file gets the counts below what up writes, in the place of others`() {
        let file = "a = 1\n\(ConfigurationWriter.marker)\nlanes.partitions = 48\nlog-level = debug\n"
        let values = [("events.partitions", "24"), ("lanes.partitions", "96")]
        let new = ConfigurationWriter.setting(values, in: file)
        #expect(
            new
                == "a = 1\n\(ConfigurationWriter.marker)\nlanes.partitions = 96\nlog-level = debug\nevents.partitions = 24\n"
        )
        #expect(ConfigurationWriter.setting(values, in: new) == new)
        #expect(ConfigurationWriter.ownPart(new).hasPrefix("lanes.partitions = 96\n"))
    }

    @Test func `who is in the way is named`() {
        let lease = PartitionGrowth.Holder(kind: .lease, name: "host-7", place: "deliveries", count: 48)
        #expect(StoppedServices.text(lease) == "host-7 holds 48 partitions of deliveries")
        let session = PartitionGrowth.Holder(kind: .session, name: "fanfare-feed", place: "10.0.0.9", count: 8)
        #expect(
            StoppedServices.text(session) == "fanfare-feed is connected to the database 8 times from 10.0.0.9")
    }
}
