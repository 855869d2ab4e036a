internal import Backbone
internal import EventModel

/// One append: which events are produced, and what becomes of each. No I/O, no clock.
struct PendingAppend {
    private let events: [NewEvent]
    private(set) var receipts: [AppendReceipt]
    /// Indices of the events that are produced, in order.
    private(set) var produced: [Int] = []
    private var hasUncertain = false
    private var acknowledged = 0

    /// - Parameter known: For each event, the one that its key was stored as; such an event is not produced.
    init(_ events: [NewEvent], known: [EventID?]) {
        self.events = events
        receipts = []
        receipts.reserveCapacity(events.count)
        for (index, event) in events.enumerated() {
            if let winner = known[index] {
                receipts.append(.stored(id: winner, isDuplicate: true))
            } else if event.envelope.count > KafkaConnection.largestRecord {
                receipts.append(.refused(reason: "the event is larger than a record of the log"))
            } else {
                receipts.append(.unknown)
                produced.append(index)
            }
        }
    }

    func batch(for topics: KafkaTopics) -> KafkaBatch {
        let bytes = produced.reduce(0) { $0 + events[$1].envelope.count + 192 }
        var batch = KafkaBatch(records: produced.count, bytes: bytes)
        for index in produced {
            let event = events[index]
            batch.append(
                topic: topics.events, partition: Int32(event.tenant.partition(of: topics.eventPartitions)),
                key: event.tenant.text.utf8
            ) { EventRecord.write(event, to: &$0) }
        }
        return batch
    }

    /// Takes in the outcomes of the produced events.
    mutating func finish(_ outcomes: ProduceReceipts) {
        for (place, outcome) in outcomes.enumerated() {
            let index = produced[place]
            switch outcome {
            case .acknowledged:
                acknowledged += 1
                receipts[index] = .stored(id: events[index].id, isDuplicate: false)
            case .possiblyPersisted: hasUncertain = true
            case .notPersisted: break
            }
        }
    }

    /// An event turned out to be another one's twin.
    mutating func duplicate(_ index: Int, of winner: EventID) {
        receipts[index] = .stored(id: winner, isDuplicate: true)
    }

    func answer() -> AppendAnswer {
        if acknowledged == 0 && produced.count == events.count {
            return .failure(
                hasUncertain
                    ? BackboneError(.outcomeUnknown, "the log did not answer in time")
                    : BackboneError(.unavailable, "the log took nothing in time"))
        }
        return .success(receipts)
    }
}
