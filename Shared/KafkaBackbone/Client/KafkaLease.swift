internal import Synchronization

/// How long this member may act as the owner of its partitions, whatever has become of the connection or the process.
///
/// The coordinator moves a partition only after the member gave it back, or when it had no sign of life for the session
/// timeout. A commit that it acknowledged *is* a sign of life, received after the commit was sent. So until (time of
/// sending + session timeout − margin) nobody else can own what we own; after it, anybody may. A process that was stopped
/// finds the time passed before it does anything else, which no flag set by another thread can promise.
public final class KafkaLease: Sendable {
    private let base: ContinuousClock.Instant
    private let length: Duration
    private let clock: @Sendable () -> ContinuousClock.Instant
    /// Nanoseconds after `base`; the smallest value means no lease.
    private let validUntil = Atomic<Int64>(.min)

    init(
        sessionTimeout: Duration, margin: Duration, clock: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        length = sessionTimeout - margin
        self.clock = clock
        base = clock()
    }

    /// Whether the lease holds now, by its own clock.
    public var isValid: Bool { isValid(at: clock()) }

    /// Whether the lease holds at `now`, a time of the monotonic clock.
    public func isValid(at now: ContinuousClock.Instant) -> Bool {
        nanoseconds(at: now) < validUntil.load(ordering: .acquiring)
    }

    func now() -> ContinuousClock.Instant { clock() }

    /// A commit that was sent at `sent` is acknowledged. Answers may come out of order: the lease never shrinks by one.
    func renew(sent: ContinuousClock.Instant) {
        validUntil.max(nanoseconds(at: sent + length), ordering: .acquiringAndReleasing)
    }

    /// The partitions are another's, or about to be.
    func end() { validUntil.store(.min, ordering: .releasing) }

    private func nanoseconds(at instant: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = (instant - base).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
