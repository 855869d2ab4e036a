internal import Glibc

/// The clock of deadlines: nanoseconds since an arbitrary point, never set back.
enum MonotonicClock {
    static func now() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// Microseconds since 1970.
    static func wallMicroseconds() -> Int64 { Int64(read(CLOCK_REALTIME) / 1_000) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension Duration {
    /// Whole nanoseconds, never negative.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 1 << 33 else { return .max >> 1 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000
    }
}
