internal import Glibc

/// A thread's wait for a socket and an event descriptor.
enum Poll {
    /// Waits; true when `socket` can be read, or has an error that reading will tell.
    static func wait(
        _ socket: Int32?, writing: Bool = false, canceller: Int32?, until: ContinuousClock.Instant?
    ) -> Bool {
        // Negative descriptors are skipped by poll.
        var descriptors = [
            pollfd(fd: socket ?? -1, events: Int16(writing ? POLLIN | POLLOUT : POLLIN), revents: 0),
            pollfd(fd: canceller ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        let timeout = until.map { milliseconds(until: $0) } ?? -1
        // An interruption by a signal is a wake-up like another: the caller looks again.
        guard poll(&descriptors, 2, timeout) > 0 else { return false }
        return descriptors[0].revents & ~Int16(POLLOUT) != 0
    }

    /// Rounded up, so that the wait does not end just before its time.
    private static func milliseconds(until instant: ContinuousClock.Instant) -> Int32 {
        let left = ContinuousClock.now.duration(to: instant)
        guard left > .zero else { return 0 }
        let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1
        return Int32(clamping: milliseconds)
    }
}
