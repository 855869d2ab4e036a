internal import Synchronization

/// The body of an answer that is written bit by bit, for server-sent events above all.
///
/// Pushes from any thread go to a queue of `capacity` bytes; when it is full a push is refused and the owner decides
/// (usually: end the stream, the client is too slow). An idle stream costs about 200 bytes here.
///
/// ```swift
/// let stream = ResponseStream(onClose: { subscribers.remove(id) })
/// responder.respond(.events(stream))
/// stream.push(Array("data: hello\n\n".utf8))
/// ```
public final class ResponseStream: Sendable {
    /// What became of a push.
    public enum Push: Sendable, Hashable {
        case queued
        /// The queue has no room; nothing was taken.
        case full
        /// The stream was ended, or the client has left; nothing was taken.
        case closed
    }

    private enum Phase { case open, ended, aborted, closed }

    private struct State {
        var phase = Phase.open
        /// What waits to be sent; the first `sent` chunks and `offset` bytes of the next are gone already.
        var chunks: [[UInt8]] = []
        var sent = 0
        var offset = 0
        var queued = 0
        /// Whether the loop waits to be told of the next push.
        var parked = false
        var loop: EventLoop?
        var id = SlotID.none
        var onClose: (@Sendable () -> Void)?
        /// Who waits for how many bytes of room.
        var room: (needed: Int, action: @Sendable () -> Void)?

        mutating func drop() {
            chunks = []
            sent = 0
            offset = 0
            queued = 0
        }
    }

    /// The most bytes that may wait; a push that would pass it is refused.
    public let capacity: Int
    private let state: Mutex<State>

    /// - Parameter onClose: runs once, on a loop thread, when the stream is over for whatever reason; must not block.
    public init(capacity: Int = 64 * 1024, onClose: (@Sendable () -> Void)? = nil) {
        self.capacity = capacity
        state = Mutex(State(onClose: onClose))
    }

    /// The bytes that wait to be handed to the connection.
    public var queuedBytes: Int { state.withLock(\.queued) }

    /// Whether the client has left or everything up to the end was sent.
    public var isClosed: Bool { state.withLock { $0.phase == .closed } }

    /// Runs the action once `count` bytes fit into the queue or it is empty, or the stream is over: at once where that is
    /// so already, else on a loop thread, where it must not block. For a writer that goes as fast as its client; of several
    /// calls the last counts.
    public func whenRoom(for count: Int, _ action: @escaping @Sendable () -> Void) {
        let isNow = state.withLock { state in
            guard state.phase == .open, state.queued > 0, state.queued + count > capacity else { return true }
            state.room = (count, action)
            return false
        }
        if isNow { action() }
    }

    /// Sends bytes after all those pushed before.
    @discardableResult
    public func push(_ bytes: [UInt8]) -> Push {
        let (push, wake) = enqueue(bytes)
        if let wake { wake.loop.post(.continueStream(wake.id)) }
        return push
    }

    /// Sends the same bytes to many streams with one wake-up for each loop concerned; the bytes are shared, not copied.
    ///
    /// - Returns: the streams that took nothing because they were full or closed.
    @discardableResult
    public static func push(_ bytes: [UInt8], to streams: some Sequence<ResponseStream>) -> [ResponseStream] {
        push(streams.lazy.map { ($0, bytes) })
    }

    /// Sends to each stream its own bytes with one wake-up for each loop concerned.
    ///
    /// - Returns: the streams that took nothing because they were full or closed.
    @discardableResult
    public static func push(_ items: some Sequence<(ResponseStream, [UInt8])>) -> [ResponseStream] {
        var refused: [ResponseStream] = []
        var batch = CommandBatch(capacity: items.underestimatedCount)
        for (stream, bytes) in items {
            let (push, wake) = stream.enqueue(bytes)
            if push != .queued { refused.append(stream) }
            if let wake { batch.add(.continueStream(wake.id), for: wake.loop) }
        }
        batch.post()
        return refused
    }

    /// Ends the stream after what is queued; the client sees a complete answer.
    public func end() {
        let wake: Wake? = state.withLock { state in
            guard state.phase == .open else { return nil }
            state.phase = .ended
            return ResponseStream.wake(&state)
        }
        if let wake { wake.loop.post(.continueStream(wake.id)) }
    }

    /// Breaks the stream off: what is queued is dropped and the connection cut, for a client that is too slow.
    public func abort() {
        let target: Wake? = state.withLock { state in
            guard state.phase == .open || state.phase == .ended else { return nil }
            state.phase = .aborted
            state.drop()
            return state.loop.map { Wake(loop: $0, id: state.id) }
        }
        if let target { target.loop.post(.cutStream(target.id)) }
    }

    /// Sent chunks that may stay at the front of a queue that never empties.
    private static let compaction = 64

    // MARK: - The loop's side

    private struct Wake {
        let loop: EventLoop
        let id: SlotID
    }

    private static func wake(_ state: inout State) -> Wake? {
        guard state.parked, let loop = state.loop else { return nil }
        state.parked = false
        return Wake(loop: loop, id: state.id)
    }

    private func enqueue(_ bytes: [UInt8]) -> (Push, Wake?) {
        state.withLock { state in
            guard state.phase == .open else { return (.closed, nil) }
            guard !bytes.isEmpty else { return (.queued, nil) }
            guard state.queued + bytes.count <= capacity else { return (.full, nil) }
            state.chunks.append(bytes)
            state.queued += bytes.count
            return (.queued, ResponseStream.wake(&state))
        }
    }

    /// Ties the stream to its request; called by the loop that answers with it.
    ///
    /// - Returns: false for a stream that is over or belongs to another answer.
    func attach(to loop: EventLoop, _ id: SlotID) -> Bool {
        state.withLock { state in
            guard state.loop == nil, state.phase == .open || state.phase == .ended else { return false }
            state.loop = loop
            state.id = id
            return true
        }
    }

    /// What the loop may send next.
    enum Next: Equatable {
        case bytes(Int)
        /// Nothing now; the next push posts a command.
        case parked
        case ended
        case closed
    }

    /// Moves queued bytes into `buffer`; called by the loop.
    func next(into buffer: UnsafeMutableRawBufferPointer) -> Next {
        let (next, action) = state.withLock { state -> (Next, (@Sendable () -> Void)?) in
            if state.phase == .closed || state.phase == .aborted { return (.closed, nil) }
            if state.queued == 0 {
                if state.phase == .ended { return (.ended, nil) }
                state.parked = true
                return (.parked, nil)
            }
            var filled = 0
            while filled < buffer.count, state.sent < state.chunks.count {
                let length = state.chunks[state.sent].count
                let count = min(buffer.count - filled, length - state.offset)
                state.chunks[state.sent].withUnsafeBytes { chunk in
                    UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: chunk[state.offset..<state.offset + count]))
                }
                filled += count
                state.offset += count
                if state.offset == length {
                    state.chunks[state.sent] = []
                    state.sent += 1
                    state.offset = 0
                }
            }
            state.queued -= filled
            // Memory goes back: thousands of idle streams must stay small.
            if state.sent == state.chunks.count {
                state.drop()
            } else if state.sent >= ResponseStream.compaction, state.sent * 2 >= state.chunks.count {
                state.chunks.removeFirst(state.sent)
                state.sent = 0
            }
            guard let room = state.room, state.queued == 0 || state.queued + room.needed <= capacity else {
                return (.bytes(filled), nil)
            }
            state.room = nil
            return (.bytes(filled), room.action)
        }
        action?()
        return next
    }

    /// The client has left, or everything was sent.
    func closedByLoop() {
        let (action, room) = state.withLock { state in
            let actions = (state.onClose, state.room?.action)
            state.phase = .closed
            state.onClose = nil
            state.room = nil
            state.parked = false
            state.drop()
            return actions
        }
        action?()
        room?()
    }

    /// The answer with this stream was dropped; a stream that serves another answer goes on.
    func abandoned() {
        if state.withLock({ $0.loop == nil }) { closedByLoop() }
    }
}
