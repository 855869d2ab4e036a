internal import Crypto
internal import EventCodec
internal import EventModel
internal import Synchronization

/// Jitter from the system's fast generator, ids from the secure one.
final class SecureDispatchRandomness: DispatchRandomness {
    private let ids = Mutex(EventIDMaker(random: SecureRandom.fill))

    func jitters(_ count: Int) -> [Double] {
        (0..<count).map { _ in Double.random(in: 0..<1) }
    }

    func deadLetter(at now: Timestamp) -> DeadLetterID {
        ids.withLock { $0.next(at: now) }
    }
}
