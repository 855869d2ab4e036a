internal import EventModel
internal import Synchronization

/// Token buckets by key, a second deep. Bounded: when there are too many keys, full buckets are forgotten.
final class RateLimits<Key: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: Timestamp
    }

    private let buckets = Mutex<[Key: Bucket]>([:])
    private let maximumKeys = 10_000

    /// Takes one token.
    /// - Returns: Nil when there was one; otherwise the whole seconds after which there will be.
    func take(_ key: Key, rate: Double, at now: Timestamp) -> Int? {
        buckets.withLock { buckets in
            if buckets.count >= maximumKeys, buckets[key] == nil { forgetIdle(&buckets, at: now) }
            var bucket = buckets[key] ?? Bucket(tokens: max(rate, 1), at: now)
            let elapsed = Double(max(0, now.microseconds(since: bucket.at))) / 1_000_000
            bucket.tokens = min(max(rate, 1), bucket.tokens + elapsed * rate)
            bucket.at = now
            defer { buckets[key] = bucket }
            guard bucket.tokens >= 1 else { return max(1, Int(((1 - bucket.tokens) / rate).rounded(.up))) }
            bucket.tokens -= 1
            return nil
        }
    }

    private func forgetIdle(_ buckets: inout [Key: Bucket], at now: Timestamp) {
        buckets = buckets.filter { now.microseconds(since: $0.value.at) < 2_000_000 }
    }
}
