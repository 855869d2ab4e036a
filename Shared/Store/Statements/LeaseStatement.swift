public import Database

/// `lease_v1`: joins a topic's members, renews, gives back and takes partitions (Postgres as the backbone).
public enum LeaseStatement {
    public static let statement = Statement(
        "leases.renew",
        """
        select part, epoch, stored, fanned, settled, is_new, give_up
        from fanfare.lease_v1($1, $2, make_interval(secs => $3), $4, $5, $6)
        """)

    /// The channel on which members hear that there is something to take or to give.
    public static func channel(topic: String) -> String { topic + ".leases" }

    /// - Parameters:
    ///   - member: Names the process; new at every start.
    ///   - timeToLive: How long the lease lasts without another call.
    ///   - parts: How many partitions the topic has.
    ///   - release: Partitions to give back.
    ///   - isLeaving: Gives everything back.
    public static func parameters(
        topic: String, member: String, timeToLive: Duration, parts: Int, release: [Int] = [], isLeaving: Bool = false
    ) -> Parameters {
        Parameters {
            $0.add(topic)
            $0.add(member)
            $0.add(interval: timeToLive)
            $0.add(Int32(parts))
            $0.add(parts: release)
            $0.add(isLeaving)
        }
    }

    /// A partition that the member holds now.
    public struct Held: Sendable, Equatable {
        public var position: PartPosition
        /// Taken by this call.
        public var isNew: Bool
        /// Beyond the member's share: to be drained and given back.
        public var giveUp: Bool
    }

    /// What the member holds, by part.
    public static func answer(_ rows: Rows) -> [Held] {
        (0..<rows.count).map {
            Held(position: PartPosition(rows, $0), isNew: rows.bool($0, 5), giveUp: rows.bool($0, 6))
        }
    }
}
