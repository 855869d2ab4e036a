internal import Database
public import EventModel

/// Deliveries that are over without success, on their way to `dead_letters`.
public struct DeadLetterColumns: Sendable {
    private var ids = ArrayBuilder(.text)
    private var tenants = ArrayBuilder(.text)
    private var endpoints = ArrayBuilder(.text)
    private var events = ArrayBuilder(.text)
    private var deliveries = ArrayBuilder(.text)
    private var types = ArrayBuilder(.text)
    private var positions = ArrayBuilder(.int64)
    private var attempts = ArrayBuilder(.int32)
    private var errors = ArrayBuilder(.text)
    private var statuses = ArrayBuilder(.int32)
    private var reasons = ArrayBuilder(.text)

    public init() {}

    public var count: Int { ids.count }

    public mutating func append(
        _ letter: DeadLetter, tenant: TenantID, endpoint: EndpointID, event: EventID, delivery: DeliveryID,
        type: String, pos: Int64
    ) {
        ids.append(letter.id)
        tenants.append(tenant.text)
        endpoints.append(endpoint)
        events.append(event)
        deliveries.append(delivery)
        types.append(type)
        positions.append(pos)
        attempts.append(Int32(clamping: letter.attempts))
        errors.append(letter.errorClass, or: ())
        if let status = letter.status { statuses.append(Int32(clamping: status)) } else { statuses.appendNull() }
        reasons.append(letter.reason)
    }

    func add(to parameters: inout Parameters) {
        for column in [ids, tenants, endpoints, events, deliveries, types, positions, attempts] {
            parameters.add(column)
        }
        for column in [errors, statuses, reasons] { parameters.add(column) }
    }
}
