internal import EventModel
internal import Testing

@testable internal import KafkaBackbone

@Suite struct DelayTierTests {
    @Test(arguments: [
        (-5.0, DelayTier.second1), (0.2, .second1), (4.9, .second1), (5, .seconds5), (30.9, .seconds30),
        (120, .minutes2),
        (121, .minutes2), (600.5, .minutes10), (3_600, .hour1), (86_400, .hour1),
    ])
    func `the longest tier is taken that makes nothing late`(seconds: Double, tier: DelayTier) {
        #expect(DelayTier(dueIn: Int64(seconds * 1_000_000)) == tier)
    }

    @Test func `the usual steps take one hop`() {
        let logged = Timestamp(seconds: 1_000)
        for step in [30, 120, 600, 3_600] as [Int64] {
            // Jitter only adds, up to a second.
            for extra in [0, 500_000, 999_999] as [Int64] {
                let due = logged.adding(seconds: step).adding(microseconds: extra)
                let tier = DelayTier(dueIn: due.microseconds(since: logged))
                let turn = tier.looksAt(logged: logged, due: due)
                #expect(turn <= due)
                #expect(due.microseconds(since: turn) <= 1_000_000)
            }
        }
    }

    @Test func `a long wait hops down and ends within a second of its time`() {
        var now = Timestamp(seconds: 0)
        let due = Timestamp(seconds: 45_678)
        var hops = 0
        while due.microseconds(since: now) > 1_000_000 {
            now = DelayTier(dueIn: due.microseconds(since: now)).looksAt(logged: now, due: due)
            hops += 1
        }
        #expect(now <= due)
        #expect(hops <= 24)
    }
}
