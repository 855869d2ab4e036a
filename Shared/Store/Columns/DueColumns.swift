internal import Database
public import EventModel

/// Attempts that wait for their time, on their way to `due`. At most one a delivery in a call.
public struct DueColumns: Sendable {
    private var parts = ArrayBuilder(.int32)
    private var deliveries = ArrayBuilder(.text)
    private var due = ArrayBuilder(.timestamp)
    private var first = ArrayBuilder(.timestamp)
    private var positions = ArrayBuilder(.int64)
    private var versions = ArrayBuilder(.int64)
    private var attempts = ArrayBuilder(.int32)
    private var endpoints = ArrayBuilder(.text)
    private var causes = ArrayBuilder(.text)

    public init() {}

    public var count: Int { parts.count }

    /// - Parameters:
    ///   - due: Not before this.
    ///   - first: When the delivery's first attempt became due.
    public mutating func append(
        part: Int, delivery: DeliveryID, due: Timestamp, first: Timestamp, pos: Int64, configVersion: Int64,
        attempt: Int, endpoint: EndpointID, cause: Cause
    ) {
        parts.append(Int32(part))
        deliveries.append(delivery)
        self.due.append(due)
        self.first.append(first)
        positions.append(pos)
        versions.append(configVersion)
        attempts.append(Int32(clamping: attempt))
        endpoints.append(endpoint)
        causes.append(cause.description)
    }

    func add(to parameters: inout Parameters) {
        for column in [parts, deliveries, due, first, positions, versions, attempts, endpoints, causes] {
            parameters.add(column)
        }
    }
}
