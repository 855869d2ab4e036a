internal import Backbone
internal import EventModel

/// A cursor that this worker serves: how far it has read, what of that is open, what came of the rest. A value without I/O.
struct ActiveCursor: Sendable {
    /// What came of a delivery.
    enum Result: Sendable {
        case delivered, retrying, failed
    }

    var cursor: DeliveryCursor
    /// Of the lane's records; an event of another epoch is another's.
    let laneEpoch: Int64
    /// Everything up to here was looked at.
    private(set) var readTo: Int64
    /// Positions that were read and are not settled.
    private var open = OpenPositions()
    private var lastRead: Timestamp?
    var match: CursorMatch?
    /// Being closed at the head.
    var isClosing = false
    /// Ended by somebody: nothing more is read.
    var isCancelled = false
    /// At the head there is nothing to read for a while.
    var nextRead = Timestamp(seconds: 0)
    /// A span is not closed before this: going back and forth costs more than waiting.
    var staysUntil: Timestamp
    /// Since the last recording.
    private var delivered: Int64 = 0
    private var retrying: Int64 = 0
    private var failed: Int64 = 0
    private var recordedPos: Int64
    /// The lowest position that was read and dropped, since somebody ended the cursor.
    private var firstDropped = Int64.max

    init(_ cursor: DeliveryCursor, laneEpoch: Int64, staysUntil: Timestamp) {
        self.cursor = cursor
        self.laneEpoch = laneEpoch
        self.staysUntil = staysUntil
        readTo = cursor.pos
        recordedPos = cursor.pos
    }

    /// Events that were read and are not settled.
    var openCount: Int { open.count }

    /// Everything up to here is settled.
    var settledPos: Int64 { open.head.map { $0 - 1 } ?? readTo }

    /// There is nothing more to read.
    var isAtEnd: Bool { isCancelled || cursor.until.map { readTo >= $0 } ?? false }
    var isDone: Bool { isAtEnd && openCount == 0 }

    /// Where the cursor ends: what a page brought beyond it is not its own. A span may be closed while a page is read.
    var end: Int64 { cursor.until ?? .max }

    /// A page was read: these positions of it are the endpoint's.
    mutating func read(_ positions: some Sequence<(pos: Int64, recordedAt: Timestamp)>, to edge: Int64) {
        for (pos, time) in positions {
            open.add(pos, recordedAt: time)
            lastRead = time
        }
        readTo = max(readTo, min(edge, end))
    }

    /// How far it is behind: positions up to `head` that are not settled, and since when the first of them has been on the
    /// feed; nil where nothing is missing. Of what was not read yet the last event that was read stands for the next.
    func lag(behind head: Int64) -> (positions: Int64, since: Timestamp)? {
        let positions = min(head, end) - settledPos
        guard positions > 0, let since = open.headTime ?? lastRead else { return nil }
        return (positions, since)
    }

    mutating func settled(_ pos: Int64, _ result: Result?) {
        guard open.settle(pos) else { return }
        switch result {
        case .delivered: delivered += 1
        case .retrying: retrying += 1
        case .failed: failed += 1
        case nil: firstDropped = min(firstDropped, pos)
        }
    }

    /// What there is to record; nil when nothing has changed.
    func progress(epoch: Int64) -> CursorProgress? {
        guard min(settledPos, firstDropped - 1) > recordedPos || delivered + retrying + failed > 0 || isDone else {
            return nil
        }
        return CursorProgress(
            id: cursor.id, lane: cursor.lane, epoch: epoch, pos: max(recordedPos, min(settledPos, firstDropped - 1)),
            delivered: delivered, retrying: retrying, failed: failed, isDone: isDone && !isCancelled)
    }

    mutating func recorded(_ progress: CursorProgress) {
        recordedPos = max(recordedPos, progress.pos)
        delivered -= progress.delivered
        retrying -= progress.retrying
        failed -= progress.failed
    }
}
