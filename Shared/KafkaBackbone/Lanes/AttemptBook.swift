internal import Backbone
internal import EventModel

/// How far this process knows each delivery to be, so that it makes no attempt twice. No I/O, no clock, no lock.
///
/// A log that is at least once holds twins: a matcher that dies before `fanned` is recorded leaves its deliveries to be
/// appended again; of what a former owner did after its last commit, the record is there, and its copy or the next attempt
/// as well. All of them are one delivery, and one of them is enough. What is done is known to be in the log (its audit
/// record, what follows it), so a twin may be left out for ever; a twin of what is under way may be left out because the
/// other record's offset is not committed before it is done.
///
/// To forget is always safe: it costs a repetition at most.
struct AttemptBook {
    private enum State: Equatable {
        /// The record of the handle makes this attempt.
        case open(attempt: Int, by: LaneHandle)
        /// This attempt is made, and all before it.
        case done(attempt: Int)
        case over
    }

    private var states: [DeliveryID: State] = [:]
    /// What was done, in a ring: the oldest is forgotten for the newest.
    private var done: [DeliveryID] = []
    private var oldest = 0
    private let limit: Int

    /// - Parameter limit: How many deliveries are remembered of which nothing is under way.
    init(limit: Int) {
        precondition(limit > 0, "a book has pages")
        self.limit = limit
    }

    /// How many deliveries it knows.
    var count: Int { states.count }

    /// Whether another record has made the attempt, makes it now, or is beyond it.
    func isPast(_ delivery: DeliveryID, attempt: Int) -> Bool {
        switch states[delivery] {
        case .open(let known, _), .done(let known): attempt <= known
        case .over: true
        case nil: false
        }
    }

    func isOver(_ delivery: DeliveryID) -> Bool { states[delivery] == .over }

    /// The record makes the attempt.
    mutating func open(_ record: LaneRecord) {
        states[record.delivery] = .open(attempt: record.attempt, by: record.handle)
    }

    /// The record does not make the attempt any more: it was written again, or its lane is another's.
    mutating func close(_ record: LaneRecord) {
        guard states[record.delivery] == .open(attempt: record.attempt, by: record.handle) else { return }
        if record.attempt > 1 {
            remember(record.delivery, .done(attempt: record.attempt - 1))
        } else {
            states[record.delivery] = nil
        }
    }

    /// What an attempt came to is in the log.
    mutating func finish(_ delivery: DeliveryID, attempt: Int, isOver: Bool) {
        if isOver {
            remember(delivery, .over)
        } else if !isPast(delivery, attempt: attempt + 1) {
            remember(delivery, .done(attempt: attempt))
        }
    }

    /// The delivery begins anew, such as from a feed cursor that goes back to where an endpoint was disabled.
    mutating func forget(_ delivery: DeliveryID) { states[delivery] = nil }

    private mutating func remember(_ delivery: DeliveryID, _ state: State) {
        let before = states.updateValue(state, forKey: delivery)
        switch before {
        case .done, .over: return
        case .open, nil: break
        }
        if done.count < limit { return done.append(delivery) }
        if case .open? = states[done[oldest]] {} else { states[done[oldest]] = nil }
        done[oldest] = delivery
        oldest = (oldest + 1) % limit
    }
}
