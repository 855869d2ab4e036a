public import Database
public import EventModel

/// What the owner of an endpoint's lane has seen of it since it last told.
public struct EndpointNote: Sendable {
    public var endpoint: EndpointID
    /// Of the lane.
    public var epoch: Int64
    public var breakerOpenSince: Timestamp?
    public var nextProbe: Timestamp?
    public var inFlight = 0
    public var waiting = 0
    /// When the oldest event that the owner holds was put on the feed.
    public var oldest: Timestamp?
    public var lastSuccess: Timestamp?
    /// Since the last success; since the last note where there was none.
    public var failures: Int64 = 0
    public var firstFailure: Timestamp?
    public var lastFailure: Timestamp?
    public var lastError: String?
    public var deadLetters: Int64 = 0

    public init(endpoint: EndpointID, epoch: Int64) {
        self.endpoint = endpoint
        self.epoch = epoch
    }
}

/// When an endpoint is given up, and how often is told of one.
public struct EndpointPolicy: Sendable {
    /// Failed for so long without a success …
    public var disableAfter: Duration = .seconds(5 * 86_400)
    /// … and at least so often.
    public var disableFailures: Int64 = 50
    /// Between two events of a kind that speak of one endpoint.
    public var eventPause: Duration = .seconds(3_600)

    public init() {}
}

/// What is known of endpoints, in the database.
public struct EndpointStateStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let note = Statement(
        "endpoint.note",
        """
        select fanfare.note_endpoints_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            make_interval(secs => $16), make_interval(secs => $17))
        """)
    private static let disable = Statement("endpoint.disable", "select fanfare.disable_webhook_v2($1, $2, $3)")

    /// - Returns: the endpoints that were disabled for it.
    public func record(
        _ notes: [EndpointNote], now: Timestamp, policy: EndpointPolicy
    ) async throws(DatabaseError) -> [EndpointID] {
        var parameters = Parameters()
        parameters.add(now)
        func times(_ time: (EndpointNote) -> Timestamp?) {
            parameters.addArray(of: .timestamp) { array in
                for note in notes { if let time = time(note) { array.append(time) } else { array.appendNull() } }
            }
        }
        parameters.add(texts: notes.map(\.endpoint.description))
        parameters.addArray(of: .int64) { array in for note in notes { array.append(note.epoch) } }
        times(\.breakerOpenSince)
        times(\.nextProbe)
        parameters.add(int32s: notes.map { Int32(clamping: $0.inFlight) })
        parameters.add(int32s: notes.map { Int32(clamping: $0.waiting) })
        times(\.oldest)
        times(\.lastSuccess)
        parameters.addArray(of: .int64) { array in for note in notes { array.append(note.failures) } }
        times(\.firstFailure)
        times(\.lastFailure)
        parameters.addArray(of: .text) { array in
            for note in notes { if let error = note.lastError { array.append(error) } else { array.appendNull() } }
        }
        parameters.addArray(of: .int64) { array in for note in notes { array.append(note.deadLetters) } }
        parameters.add(policy.disableFailures)
        parameters.add(interval: policy.disableAfter)
        parameters.add(interval: policy.eventPause)
        let rows = try await database.execute(Self.note, parameters)
        return (0..<rows.count).map { rows.identifier($0, 0) }
    }

    /// Ends an active webhook for a reason that its endpoint gave, and tells of it.
    ///
    /// - Returns: false when it was not active.
    public func disable(
        _ endpoint: EndpointID, reason: String, now: Timestamp
    ) async throws(DatabaseError) -> Bool {
        try await database.execute(
            Self.disable,
            Parameters {
                $0.add(endpoint.description)
                $0.add(reason)
                $0.add(now)
            }
        ).bool(0, 0)
    }
}
