public import Backbone
public import Database
internal import EventModel
internal import Store

/// Adds single lane records beside the fan-out: redeliver, resend.
public struct PostgresLaneAppender: LaneAppender {
    private let pool: any StatementExecutor
    private let lanes: Int

    /// - Parameters:
    ///   - pool: any of the process's.
    ///   - lanes: how many there are, as `PostgresBackboneConfiguration.lanePartitions`.
    public init(pool: any StatementExecutor, lanes: Int) {
        self.pool = pool
        self.lanes = lanes
    }

    public func append(_ deliveries: [RequestedDelivery]) async throws(BackboneError) {
        if deliveries.isEmpty { return }
        let records = deliveries.map { delivery in
            AppendLanesStatement.Record(
                pos: delivery.row.pos, configVersion: delivery.configVersion, lane: delivery.endpoint.lane(of: lanes),
                endpoint: delivery.endpoint, cause: delivery.cause)
        }
        do {
            try await pool.execute(AppendLanesStatement.statement, AppendLanesStatement.parameters(records))
        } catch {
            throw BackboneError(error)
        }
        do {
            try await pool.notify(Topic.deliveries)
        } catch {
            // They are durable; without a wake-up the lanes find them with their next look.
            return
        }
    }
}
