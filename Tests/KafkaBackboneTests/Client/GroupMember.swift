internal import KafkaBackbone
internal import Synchronization
internal import TestSupport

/// A service in miniature: a consumer, the two tasks that serve it, and a memory of what it saw.
final class GroupMember: Sendable {
    struct Seen: Hashable, Sendable {
        let partition: TopicPartition
        let offset: Int64
    }

    private struct State {
        var claims: [TopicPartition: PartitionClaim] = [:]
        var seen: [Seen] = []
        var events: [KafkaRebalance] = []
        var takes = true
    }

    let consumer: KafkaConsumer
    private let advances: Bool
    private let everything: TestCollector<Seen>?
    private let drain: (@Sendable ([TopicPartition]) async -> Void)?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - advances: whether a record counts as done when it was seen.
    ///   - drain: runs before revoked claims are handed back.
    ///   - everything: gets what this member sees too.
    init(
        _ consumer: KafkaConsumer, advances: Bool = true, everything: TestCollector<Seen>? = nil,
        drain: (@Sendable ([TopicPartition]) async -> Void)? = nil
    ) {
        self.everything = everything
        self.consumer = consumer
        self.advances = advances
        self.drain = drain
    }

    /// Serves the consumer while `body` runs, then shuts it down.
    func serve<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        async let changes: Void = follow()
        async let records: Void = take()
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await consumer.shutdown()
        _ = await (changes, records)
        return try result.get()
    }

    var owned: Set<TopicPartition> { state.withLock { Set($0.claims.keys) } }
    var seen: [Seen] { state.withLock { $0.seen } }
    var events: [KafkaRebalance] { state.withLock { $0.events } }

    func claim(of partition: TopicPartition) -> PartitionClaim? { state.withLock { $0.claims[partition] } }

    func offsets(of partition: TopicPartition) -> [Int64] { seen.filter { $0.partition == partition }.map(\.offset) }

    func owns(_ count: Int) async throws {
        try await eventually("owns \(count) partitions") { owned.count == count }
    }

    private func follow() async {
        while let change = await consumer.nextRebalance() {
            state.withLock { $0.events.append(change) }
            switch change {
            case .assigned(let claims):
                state.withLock { state in
                    for claim in claims { state.claims[consumer.partition(of: claim)] = claim }
                }
                consumer.start(claims.map { ($0, .committed) })
            case .revoked(let claims):
                let partitions = claims.map { consumer.partition(of: $0) }
                await drain?(partitions)
                state.withLock { state in for each in partitions { state.claims[each] = nil } }
                consumer.handBack(claims)
            case .lost(let claims):
                state.withLock { state in for each in claims { state.claims[consumer.partition(of: each)] = nil } }
            }
        }
    }

    private func take() async {
        while let records = await consumer.nextRecords() {
            let seen = records.map { Seen(partition: consumer.partition(of: $0.claim), offset: $0.offset) }
            state.withLock { $0.seen += seen }
            everything?.append(contentsOf: seen)
            if advances { consumer.advance(records.map { ($0.claim, $0.offset + 1) }) }
        }
    }
}
