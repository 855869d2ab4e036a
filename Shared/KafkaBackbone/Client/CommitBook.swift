/// Which commits are under way and what they will have said: a pure value of the polling thread.
struct CommitBook {
    struct Commit {
        let sent: ContinuousClock.Instant
        let positions: [(claim: PartitionClaim, offset: Int64)]
        let waiting: [CheckedContinuation<Result<Void, KafkaError>, Never>]
    }

    /// More than this many unanswered means that the coordinator is away: another one would only queue behind them.
    static let mostUnderWay = 4

    private(set) var underWay: [UInt: Commit] = [:]
    private var lastNumber: UInt = 0

    var isCrowded: Bool { underWay.count >= Self.mostUnderWay }

    /// Notes a commit and returns its number, which librdkafka carries as its opaque pointer; never 0.
    mutating func add(_ commit: Commit) -> UInt {
        lastNumber += 1
        underWay[lastNumber] = commit
        return lastNumber
    }

    mutating func finish(_ number: UInt) -> Commit? { underWay.removeValue(forKey: number) }

    mutating func removeAll() -> [Commit] {
        defer { underWay = [:] }
        return Array(underWay.values)
    }
}
