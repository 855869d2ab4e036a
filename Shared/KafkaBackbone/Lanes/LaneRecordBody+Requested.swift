internal import Backbone
internal import EventModel

extension LaneRecordBody {
    init(_ requested: RequestedDelivery, at now: Timestamp) {
        self.init(
            requested.row, endpoint: requested.endpoint, cause: requested.cause,
            configVersion: requested.configVersion, envelope: requested.envelope, at: now)
    }
}
