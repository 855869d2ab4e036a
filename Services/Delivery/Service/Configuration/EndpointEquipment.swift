internal import EventCodec
internal import EventModel
internal import Signing

/// What few endpoints have, as a webhook's revision carries it: a JSON object that is read when the first delivery needs it.
struct EndpointEquipment: Sendable {
    var overlap = SecretOverlap()

    static let none = EndpointEquipment()

    private init() {}

    init(json: String) throws(JSONFieldError) {
        let fields = try JSONFields(body: Array(json.utf8))
        let ends = try fields.optionalInts("until") ?? []
        overlap = SecretOverlap(
            ends: ends.map { Timestamp(microseconds: $0) }, promoted: try fields.optionalInt("promoted").map { Int($0) }
        )
    }
}
