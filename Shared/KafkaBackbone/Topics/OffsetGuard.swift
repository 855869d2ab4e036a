/// Keeps what is taken from a partition without twins and holes, whatever was on its way when reading was turned back.
///
/// After a `hold` and `release` records that were fetched before may still come. Those below the next one are twins;
/// one beyond it is either such a record or the first one after a hole in the log, and reading again tells which.
struct OffsetGuard {
    enum Verdict: Equatable {
        case take
        /// Seen before, or on its way since before a hold.
        case ignore
        /// Turn back to this offset and read again.
        case reread(from: Int64)
    }

    /// The first offset that was not taken; nil: any.
    private(set) var next: Int64?
    /// Reading from `next` was asked for again since something beyond it had come.
    private var doubted = false
    /// Nothing is taken until `release`.
    private(set) var isHeld = false

    init(next: Int64?) { self.next = next }

    mutating func judge(_ offset: Int64) -> Verdict {
        if isHeld { return .ignore }
        if let next {
            if offset < next { return .ignore }
            if offset > next, !doubted {
                doubted = true
                return .reread(from: next)
            }
        }
        doubted = false
        next = offset + 1
        return .take
    }

    /// Puts back the record that was judged last: it is the next again once released.
    mutating func hold(at offset: Int64) {
        next = offset
        isHeld = true
        doubted = false
    }

    mutating func release() { isHeld = false }

    /// Reading starts again at `offset`.
    mutating func turn(to offset: Int64) {
        next = offset
        doubted = false
    }
}
