internal import TestSupport
internal import Testing

@testable internal import KafkaBackbone

struct KafkaLeaseTests {
    private let clock = ManualClock()

    private func lease() -> KafkaLease {
        KafkaLease(sessionTimeout: .seconds(6), margin: .seconds(1), clock: { clock.instant() })
    }

    @Test func `nothing is owned before the first acknowledged commit`() {
        #expect(!lease().isValid)
    }

    @Test func `the lease counts from the sending, not from the answer`() {
        let lease = lease()
        let sent = clock.instant()
        clock.advance(by: .seconds(4))
        lease.renew(sent: sent)
        #expect(lease.isValid)
        clock.advance(by: .milliseconds(999))
        #expect(lease.isValid)
        clock.advance(by: .milliseconds(1))
        #expect(!lease.isValid)
    }

    @Test func `an answer that comes late does not shorten it`() {
        let lease = lease()
        let early = clock.instant()
        clock.advance(by: .seconds(2))
        lease.renew(sent: clock.instant())
        lease.renew(sent: early)
        clock.advance(by: .seconds(4))
        #expect(lease.isValid)
    }

    @Test func `a process that was stopped finds its lease gone`() {
        let lease = lease()
        lease.renew(sent: clock.instant())
        clock.advance(by: .seconds(3600))
        #expect(!lease.isValid)
        #expect(!lease.isValid(at: clock.instant()))
    }

    @Test func `an ended lease is over at once`() {
        let lease = lease()
        lease.renew(sent: clock.instant())
        lease.end()
        #expect(!lease.isValid)
    }
}
