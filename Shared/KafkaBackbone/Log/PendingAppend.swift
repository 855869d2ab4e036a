internal import Backbone
internal import EventModel

/// One append: which events are produced, and what becomes of each. No I/O, no clock.
///
/// An event whose key is known is not produced, unless the audit is to say something of the request that brought it: that
/// goes by way of the log too, and the matcher writes the row alone.
struct PendingAppend {
    private let events: [NewEvent]
    private let known: [EventID?]
    private(set) var receipts: [AppendReceipt]
    /// Indices of the events that are produced, in order.
    private(set) var produced: [Int] = []
    private var hasUncertain = false
    private var acknowledged = 0

    /// - Parameter known: For each event, the one that its key was stored as.
    init(_ events: [NewEvent], known: [EventID?]) {
        self.events = events
        self.known = known
        receipts = []
        receipts.reserveCapacity(events.count)
        for (index, event) in events.enumerated() {
            if let winner = known[index], event.audit == nil {
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
        let bytes = produced.reduce(0) { $0 + events[$1].envelope.count + (events[$1].audit == nil ? 192 : 512) }
        var batch = KafkaBatch(records: produced.count, bytes: bytes)
        for index in produced {
            var event = events[index]
            if let winner = known[index] { event.audit = event.audit?.duplicate(of: winner) }
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
                receipts[index] = .stored(id: known[index] ?? events[index].id, isDuplicate: known[index] != nil)
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
