internal import Backbone
internal import EventModel

/// What a worker needs to know of an endpoint to send to it.
struct EndpointConfiguration: Sendable {
    enum Status: String, Sendable {
        case active, paused, pending, disabled, deleted
    }

    let endpoint: EndpointID
    let tenant: TenantID
    /// The revision that this is.
    let version: Int64
    let status: Status
    let url: String
    let timeout: Duration?
    let schedule: RetrySchedule
    /// As `SecretBox` sealed them; opened when the first delivery needs them.
    let sealedSecrets: [String]
    /// What few endpoints have (`EndpointEquipment`); nil for the others.
    var equipment: String?
    var limits = EndpointLimits()
    /// Positions that the endpoint's cursors deliver, whatever its revision.
    var spans = SpanSet()

    /// A live record of the lane itself whose position a cursor delivers. Companion records and other causes are nobody
    /// else's.
    func leavesToCursor(_ record: LaneRecord) -> Bool {
        !spans.isEmpty && record.handle.source == 0 && record.cause == .live && spans.contains(record.pos)
    }
}
