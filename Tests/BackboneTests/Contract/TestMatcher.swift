import Backbone
import EventModel
import Synchronization

/// Matches every row against fixed endpoints and completes.
final class TestMatcher: Sendable {
    private let rows = Mutex<[FeedRow]>([])
    private let fanOut: any FanOut
    private let endpoints: @Sendable (FeedRow) -> [EndpointID]

    init(_ fanOut: any FanOut, endpoints: @escaping @Sendable (FeedRow) -> [EndpointID]) {
        self.fanOut = fanOut
        self.endpoints = endpoints
    }

    /// Rows of completed batches, in order.
    var completed: [FeedRow] { rows.withLock { $0 } }

    func run() async throws {
        while let batch = try await fanOut.next() {
            try await fanOut.complete(batch, deliveries: deliveries(of: batch))
            rows.withLock { $0.append(contentsOf: batch.rows) }
        }
    }

    func deliveries(of batch: FanOutBatch) -> [LaneDelivery] {
        batch.rows.indices.flatMap { index in
            endpoints(batch.rows[index]).map { LaneDelivery(row: index, endpoint: $0, cause: .live) }
        }
    }
}
