internal import Backbone
internal import EventModel
internal import Store
internal import Synchronization

/// What the attempts of this worker say of endpoints since their rows were last written, and which rows are due to be. Bounded:
/// an endpoint that has had nothing to tell for a while is forgotten.
///
/// Failing endpoints, and those that keep something waiting, are written with each turn; of those that are well only a few, and
/// each seldom, so that ten thousand busy endpoints cost the database next to nothing.
final class HealthBook: Sendable {
    /// How an endpoint stands in the dispatcher.
    struct Standing: Sendable {
        var inFlight = 0
        var waiting = 0
        var openSince: Timestamp?
        var nextProbe: Timestamp?
        var oldest: Timestamp?
    }

    /// One ended attempt.
    struct Seen: Sendable {
        let endpoint: EndpointID
        let lane: Int
        let epoch: Int64
        let at: Timestamp
        let ending: Ending
        let isDead: Bool
    }

    enum Ending: Sendable {
        case success
        /// The class of the failure.
        case failure(String)
        /// Nothing was sent, or only a test, by which nobody is judged.
        case none
    }

    fileprivate struct Tally {
        var lane: Int
        var note: EndpointNote
        /// Something was seen since the last note.
        var isDirty = true
        /// The last note said that something was in flight, waited or failed: another one says when it is over.
        var isUnwell = false
        var notedAt: Timestamp?
        var seenAt: Timestamp
    }

    /// How often the row of an endpoint that is well is written, in microseconds.
    fileprivate static let wellInterval: Int64 = 10_000_000
    /// So many of them in a turn.
    private static let wellLimit = 100
    /// So many others in a turn.
    private static let limit = 500
    /// Endpoints that are remembered longer than they have something to tell.
    private static let capacity = 20_000
    private static let memory: Int64 = 60_000_000

    private let tallies = Mutex<[EndpointID: Tally]>([:])

    func saw(_ batch: [Seen]) {
        tallies.withLock { tallies in
            for seen in batch { tallies[seen.endpoint, default: Tally(seen)].take(seen) }
        }
    }

    /// Their next owner tells of them.
    func forget(lanes: [Int]) {
        guard !lanes.isEmpty else { return }
        let lost = Set(lanes)
        tallies.withLock { tallies in tallies = tallies.filter { !lost.contains($0.value.lane) } }
    }

    /// The notes that are due, as if they were written: `restore` gives back those that were not.
    func due(at now: Timestamp, standing: ([EndpointID]) -> [EndpointID: Standing]) -> [EndpointNote] {
        tallies.withLock { tallies in
            var chosen: [EndpointID] = []
            var well = 0
            for (endpoint, tally) in tallies where tally.isDirty || tally.isUnwell {
                if tally.note.failures > 0 || tally.note.deadLetters > 0 || tally.isUnwell || tally.notedAt == nil {
                    guard chosen.count - well < Self.limit else { continue }
                } else {
                    guard well < Self.wellLimit, tally.isStale(at: now) else { continue }
                    well += 1
                }
                chosen.append(endpoint)
            }
            let standings = standing(chosen)
            let notes = chosen.compactMap { endpoint -> EndpointNote? in
                guard var tally = tallies[endpoint] else { return nil }
                defer { tallies[endpoint] = tally }
                return tally.write(standings[endpoint] ?? Standing(), at: now)
            }
            if tallies.count > Self.capacity {
                tallies = tallies.filter {
                    $0.value.isDirty || $0.value.isUnwell || now.microseconds(since: $0.value.seenAt) < Self.memory
                }
            }
            return notes
        }
    }

    /// These were not written after all.
    func restore(_ notes: [EndpointNote]) {
        tallies.withLock { tallies in
            for note in notes { tallies[note.endpoint]?.restore(note) }
        }
    }
}

extension HealthBook.Tally {
    fileprivate init(_ seen: HealthBook.Seen) {
        lane = seen.lane
        note = EndpointNote(endpoint: seen.endpoint, epoch: seen.epoch)
        seenAt = seen.at
    }

    fileprivate func isStale(at now: Timestamp) -> Bool {
        notedAt.map { now.microseconds(since: $0) >= HealthBook.wellInterval } ?? true
    }

    fileprivate mutating func take(_ seen: HealthBook.Seen) {
        isDirty = true
        seenAt = seen.at
        lane = seen.lane
        note.epoch = seen.epoch
        if seen.isDead { note.deadLetters += 1 }
        switch seen.ending {
        case .none: break
        case .success:
            note.lastSuccess = seen.at
            note.failures = 0
            note.firstFailure = nil
        case .failure(let errorClass):
            note.failures += 1
            if note.firstFailure == nil { note.firstFailure = seen.at }
            note.lastFailure = seen.at
            note.lastError = errorClass
        }
    }

    fileprivate mutating func write(_ standing: HealthBook.Standing, at now: Timestamp) -> EndpointNote {
        var written = note
        written.inFlight = standing.inFlight
        written.waiting = standing.waiting
        written.breakerOpenSince = standing.openSince
        written.nextProbe = standing.nextProbe
        written.oldest = standing.oldest
        isUnwell = standing.inFlight > 0 || standing.waiting > 0 || standing.openSince != nil
        isDirty = false
        notedAt = now
        note = EndpointNote(endpoint: note.endpoint, epoch: note.epoch)
        return written
    }

    /// `written` came before what was seen since.
    fileprivate mutating func restore(_ written: EndpointNote) {
        isDirty = true
        notedAt = nil
        note.deadLetters += written.deadLetters
        note.lastFailure = note.lastFailure ?? written.lastFailure
        note.lastError = note.lastError ?? written.lastError
        guard note.lastSuccess == nil else { return }
        note.lastSuccess = written.lastSuccess
        note.failures += written.failures
        note.firstFailure = written.firstFailure ?? note.firstFailure
    }
}
