public import Database
public import EventModel

/// `fan_out_v1`: appends the deliveries of a stretch of the feed to the lanes and moves `fanned` behind it, once.
public enum FanOutStatement {
    public static let statement = Statement(
        "lanes.fan-out",
        """
        select fanfare.fan_out_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10),
            case when $11 <> '' then pg_notify($11, '') end
        """)

    /// The deliveries, by rising position.
    public struct Deliveries: Sendable {
        fileprivate var sources = ArrayBuilder(.int32)
        fileprivate var lanes = LaneColumns()

        public init() {}

        public var count: Int { sources.count }

        /// - Parameters:
        ///   - part: The partition of the feed that the event belongs to.
        ///   - lane: The endpoint's lane.
        public mutating func append(part: Int, pos: Int64, lane: Int, endpoint: EndpointID, cause: Cause) {
            sources.append(Int32(part))
            lanes.append(pos: pos, lane: lane, endpoint: endpoint, cause: cause)
        }

        public mutating func removeAll() {
            sources.removeAll()
            lanes.removeAll()
        }
    }

    /// - Parameters:
    ///   - fanned: Every row of `owned` up to this position has its deliveries then.
    ///   - channel: To notify with the commit; empty for none.
    public static func parameters(
        topic: String, owned: [OwnedPart], fanned: Int64, configVersion: Int64, deliveries: Deliveries,
        waking channel: String = ""
    ) -> Parameters {
        var parameters = Parameters(reservingBytes: deliveries.count * 96 + 1_024)
        parameters.add(topic)
        parameters.add(owned: owned)
        parameters.add(fanned)
        parameters.add(configVersion)
        parameters.add(deliveries.sources)
        deliveries.lanes.add(to: &parameters)
        parameters.add(channel)
        return parameters
    }

    /// The partitions that are another's; when there are any, nothing was written.
    public static func refused(_ rows: Rows) -> [Int] { rows.parts(0, 0) }
}

/// `append_lanes_v1`: single lane records outside the fan-out (redeliver, resend).
public enum AppendLanesStatement {
    public static let statement = Statement("lanes.append", "select fanfare.append_lanes_v1($1, $2, $3, $4, $5)")

    public struct Record: Sendable {
        public var pos: Int64
        public var configVersion: Int64
        public var lane: Int
        public var endpoint: EndpointID
        public var cause: Cause

        public init(pos: Int64, configVersion: Int64, lane: Int, endpoint: EndpointID, cause: Cause) {
            self.pos = pos
            self.configVersion = configVersion
            self.lane = lane
            self.endpoint = endpoint
            self.cause = cause
        }
    }

    public static func parameters(_ records: [Record]) -> Parameters {
        var lanes = LaneColumns()
        for record in records {
            lanes.append(pos: record.pos, lane: record.lane, endpoint: record.endpoint, cause: record.cause)
        }
        return Parameters {
            lanes.addPositions(to: &$0)
            $0.add(int64s: records.map(\.configVersion))
            lanes.addRest(to: &$0)
        }
    }
}

/// The columns of lane rows.
struct LaneColumns: Sendable {
    private var positions = ArrayBuilder(.int64)
    private var lanes = ArrayBuilder(.int32)
    private var endpoints = ArrayBuilder(.text)
    private var causes = ArrayBuilder(.text)

    mutating func append(pos: Int64, lane: Int, endpoint: EndpointID, cause: Cause) {
        positions.append(pos)
        lanes.append(Int32(lane))
        endpoints.append(endpoint)
        causes.append(cause.description)
    }

    mutating func removeAll() {
        positions.removeAll()
        lanes.removeAll()
        endpoints.removeAll()
        causes.removeAll()
    }

    func addPositions(to parameters: inout Parameters) {
        parameters.add(positions)
    }

    func addRest(to parameters: inout Parameters) {
        for column in [lanes, endpoints, causes] { parameters.add(column) }
    }

    func add(to parameters: inout Parameters) {
        addPositions(to: &parameters)
        addRest(to: &parameters)
    }
}
