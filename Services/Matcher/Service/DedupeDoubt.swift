/// What the matcher appends with a key, long after its cause: its key may be forgotten by then, so the feed is asked.
enum DedupeDoubt {
    /// Half of the shortest dedupe window, in microseconds.
    static let age: Int64 = 12 * 3_600 * 1_000_000
}
