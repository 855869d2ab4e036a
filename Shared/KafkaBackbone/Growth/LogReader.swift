internal import Observability

/// Reads stretches of partitions to their ends, and no further.
final class LogReader: Sendable {
    /// What is read at a time waits this long at most: every stretch ends where there was a record once.
    private static let patience: Duration = .seconds(30)

    private let consumer: KafkaConsumer

    /// - Parameter stretches: none of them empty.
    init(
        _ stretches: [TopicPartition: Range<Int64>], _ connection: KafkaConnection, log: Logger,
        metrics: MetricsRegistry
    ) throws(KafkaError) {
        consumer = try KafkaConsumer(
            KafkaConsumerSettings(
                connection: connection, membership: .fixed(stretches.mapValues { .offset($0.lowerBound) })),
            log: log, metrics: metrics)
    }

    /// Reads what there is of the stretches now; of those that retention has taken, nothing.
    ///
    /// - Parameter body: gets the records of a partition in their order.
    static func read(
        _ stretches: [TopicPartition: Range<Int64>], _ admin: KafkaAdmin, _ connection: KafkaConnection, log: Logger,
        metrics: MetricsRegistry, _ body: (TopicPartition, KafkaMessage) async throws -> Void
    ) async throws {
        let there = try await admin.offsets(of: Array(stretches.keys))
        let left = stretches.reduce(into: [TopicPartition: Range<Int64>]()) {
            let range = $1.value.clamped(to: there[$1.key] ?? 0..<0)
            if !range.isEmpty { $0[$1.key] = range }
        }
        if left.isEmpty { return }
        let reader = try LogReader(left, connection, log: log, metrics: metrics)
        do {
            try await reader.read(left, body)
        } catch {
            await reader.consumer.shutdown()
            throw error
        }
        await reader.consumer.shutdown()
    }

    private func read(
        _ stretches: [TopicPartition: Range<Int64>], _ body: (TopicPartition, KafkaMessage) async throws -> Void
    ) async throws {
        var ends = stretches.mapValues(\.upperBound)
        while !ends.isEmpty {
            guard let records = await next() else {
                throw KafkaError(.timedOut, "\(ends.count) partitions are not read to their ends")
            }
            for record in records {
                let partition = consumer.partition(of: record.claim)
                guard let end = ends[partition] else { continue }
                if record.offset < end { try await body(partition, record) }
                if record.offset + 1 >= end { ends[partition] = nil }
            }
        }
    }

    private func next() async -> KafkaRecords? {
        await withTaskGroup(of: KafkaRecords?.self) { group in
            group.addTask { await self.consumer.nextRecords() }
            group.addTask {
                _ = try? await Task.sleep(for: Self.patience)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
