internal import Backbone
internal import EventModel

extension LanesState.Read {
    init(_ message: KafkaMessage) {
        claim = message.claim
        offset = message.offset
        logged = Timestamp(milliseconds: message.timestamp)
        let read = message.decoded { bytes throws(RecordError) in
            FinishedCopy.matches(bytes)
                ? LanesState.Content.finishedCopy(try FinishedCopy(bytes)) : .delivery(try LaneRecordBody(bytes))
        }
        switch read {
        case .success(let read): content = read
        case .failure(let error):
            content = .unreadable(LanesState.ParkedReason(reason: error.description, bytes: Array(message.value)))
        }
    }
}
