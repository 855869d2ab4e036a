internal import Database
internal import Observability
internal import Store

/// Takes partitions of a log in Postgres, so that whoever held them before writes nothing more, and checks that the
/// positions that it finds lie inside of the log.
struct PartitionTaker: Sendable {
    let pool: ConnectionPool
    let admin: KafkaAdmin
    /// As `progress` calls it, and as the brokers do.
    let topic: String
    let kafkaTopic: String
    let logger: Logger

    struct Taken {
        var positions: [PartPosition] = []
        /// Parts whose position lies outside of their log: the topic was made anew, or the database is another's.
        var outOfRange: [Int] = []
    }

    /// - Throws: `DatabaseError`, `KafkaError`: neither has taken anything that matters; it may be repeated.
    func take(_ parts: [Int]) async throws -> Taken {
        let rows = try await pool.execute(
            TakePartitionsStatement.statement, TakePartitionsStatement.parameters(topic: topic, parts: parts))
        let positions = TakePartitionsStatement.answer(rows)
        let ranges = try await admin.offsets(of: parts.map { TopicPartition(kafkaTopic, Int32($0)) })
        var taken = Taken()
        for position in positions {
            let range = ranges[TopicPartition(kafkaTopic, Int32(position.part))] ?? 0..<0
            if position.stored == 0 || (range.lowerBound...range.upperBound).contains(position.stored) {
                taken.positions.append(position)
            } else {
                taken.outOfRange.append(position.part)
                logger.error(
                    "a position lies outside of its log",
                    [
                        "topic": .string(topic), "part": .int(position.part), "position": .int(Int(position.stored)),
                        "oldest": .int(Int(range.lowerBound)), "next": .int(Int(range.upperBound)),
                    ])
            }
        }
        return taken
    }
}
