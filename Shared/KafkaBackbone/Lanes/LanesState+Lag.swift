internal import Backbone
internal import EventModel
internal import Observability

extension LanesState {
    /// Where one lane stands.
    struct Position {
        var lane: Int
        var claim: PartitionClaim
        /// The first offset that was not read.
        var next: Int64
        /// Records that were read and are not done.
        var open: Int
        /// Of the oldest of them, in seconds.
        var age: Double
    }

    /// Where the owned lanes stand, without their companions. Goes through heads only.
    func positions(at now: Timestamp) -> [Position] {
        lanes.enumerated().compactMap { lane, owned in
            guard let flow = owned?.flows[0] else { return nil }
            let head = flow.window.all.first { !$0.isDone }
            return Position(
                lane: lane, claim: flow.claim, next: flow.window.next, open: flow.window.openCount,
                age: head?.record.map { Self.seconds(from: $0.firstDueAt, to: now) } ?? 0)
        }
    }

    /// Attempts that are due again and not done, of those that were read.
    func overdue(at now: Timestamp) -> [PartitionLag] {
        lanes.enumerated().compactMap { lane, owned in
            guard let flows = owned?.flows.dropFirst() else { return nil }
            var count = 0
            var oldest = now
            for flow in flows {
                for slot in flow.window.all where !slot.isDone {
                    guard let due = slot.due, due < now else { continue }
                    count += 1
                    oldest = min(oldest, due)
                }
            }
            return PartitionLag(partition: lane, records: count, seconds: Self.seconds(from: oldest, to: now))
        }
    }

    /// When the oldest delivery was asked for of all that is open.
    var oldestDelivery: Timestamp? {
        var oldest: Timestamp?
        for owned in lanes {
            for flow in owned?.flows ?? [] {
                for slot in flow.window.all where !slot.isDone {
                    guard let time = slot.record?.firstDueAt else { continue }
                    oldest = oldest.map { min($0, time) } ?? time
                }
            }
        }
        return oldest
    }

    private static func seconds(from: Timestamp, to now: Timestamp) -> Double {
        Double(now.microseconds(since: from)) / 1_000_000
    }
}

extension OwnershipMetrics {
    /// Counts what a rebalance changed, of the claims that stand for a partition of the stage.
    func count(_ change: KafkaRebalance, where isCounted: (PartitionClaim) -> Bool = { _ in true }) {
        switch change {
        case .assigned(let claims): took(claims.count(where: isCounted))
        case .revoked(let claims): gaveBack(claims.count(where: isCounted))
        case .lost(let claims): lost(claims.count(where: isCounted))
        }
    }
}
