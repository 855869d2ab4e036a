internal import EventCodec
internal import HTTPServer
internal import Observability
internal import Store
internal import Synchronization

/// Where the live readers of the feed meet: the ring that the tailer fills, streams that get each event as it comes, and
/// long-polls that wait for one.
///
/// A reader joins at an exact position: under the lock it either still has something to fetch from the ring, or it is
/// registered for what comes next; nothing falls between.
final class FeedHub: Sendable {
    /// A server-sent stream. A class, because there are thousands and most of what is kept of one is a reference to it.
    final class LiveStream: Sendable {
        let id: Int
        /// The feed's incarnation that the stream began in.
        let epoch: UInt32
        let filter: FeedFilter
        let matcher: EventMatcher
        let stream: ResponseStream

        init(id: Int, epoch: UInt32, filter: FeedFilter, stream: ResponseStream) {
            self.id = id
            self.epoch = epoch
            self.filter = filter
            matcher = EventMatcher(filter)
            self.stream = stream
        }
    }

    private enum Subscriber {
        case stream(LiveStream)
        case poll(EventMatcher, WakeSignal)

        var matcher: EventMatcher {
            switch self {
            case .stream(let stream): stream.matcher
            case .poll(let matcher, _): matcher
            }
        }
    }

    /// What a reader finds that has seen everything up to a position.
    enum Finding {
        case entries(FeedRing.Stretch)
        /// Nothing yet. Streams are registered now, and polls too: `watch` must be ended by `stopWatching`.
        case upToDate(edge: Int64)
        /// The ring does not reach back that far, or is not filled at the moment: ask Postgres.
        case below
    }

    private struct State {
        var ring: FeedRing?
        var subscribers: [Int: Subscriber] = [:]
        var index = SubscriberIndex()
        var nextID = 1
        /// Streams that are catching up.
        var feeding: Set<Int> = []
        /// Who waits for the ring to be filled.
        var waiting: [Int: WakeSignal] = [:]
        var lastUsed = ContinuousClock.now
        var isEnding = false
    }

    /// The ring is given up when nobody has read live for this long: without readers the feed is not tailed at all.
    static let linger: Duration = .seconds(10)

    private let state = Mutex(State())
    private let capacity: Int
    /// Wakes the tailer.
    let wake = WakeSignal()
    let metrics: FeedMetrics
    /// Streams that fell behind, on their way to whoever feeds them; bounded by the number of streams.
    let stragglers: AsyncStream<(LiveStream, after: Int64)>
    private let straggle: AsyncStream<(LiveStream, after: Int64)>.Continuation

    init(capacity: Int, metrics: FeedMetrics) {
        self.capacity = capacity
        self.metrics = metrics
        (stragglers, straggle) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    // MARK: Readers

    func newID() -> Int {
        state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
    }

    /// Where the ring ends; nil while it is not filled.
    var position: (epoch: UInt32, edge: Int64)? {
        state.withLock { state in state.ring.map { ($0.epoch, $0.edge) } }
    }

    /// Returns once the ring is filled from some position on: false when that takes too long, or the process ends.
    func activate(atMost limit: Duration) async -> Bool {
        let signal = WakeSignal()
        let id: Int? = state.withLock { state in
            state.lastUsed = .now
            if state.ring != nil || state.isEnding { return nil }
            state.nextID += 1
            state.waiting[state.nextID] = signal
            return state.nextID
        }
        if let id {
            wake.set()
            await signal.wait(atMost: limit)
            state.withLock { $0.waiting[id] = nil }
        }
        return position != nil
    }

    /// Whether a reader who has seen everything up to `pos` can go on from the ring.
    func reaches(_ pos: Int64) -> Bool {
        state.withLock { state in state.ring.map { $0.floor <= pos && pos <= $0.edge } ?? false }
    }

    /// Takes in a new stream: live at once where it is up to date, else on its way to the feeder.
    func adopt(_ stream: LiveStream, after: Int64) {
        let isLive = state.withLock { state in
            guard !state.isEnding, let ring = state.ring, ring.edge == after, ring.epoch == stream.epoch else {
                state.feeding.insert(stream.id)
                return false
            }
            state.subscribers[stream.id] = .stream(stream)
            state.index.insert(stream.id, stream.matcher)
            return true
        }
        if !isLive, case .terminated = straggle.yield((stream, after: after)) { stream.stream.end() }
    }

    /// What a stream that has seen everything up to `after` gets next; when there is nothing it is live from now on.
    func join(_ stream: LiveStream, after: Int64, bytes: Int) -> Finding {
        let finding = state.withLock { state -> Finding in
            // What was closed meanwhile must not be registered: its end has been told already.
            guard !stream.stream.isClosed, !state.isEnding else { return .upToDate(edge: after) }
            let finding = Self.find(&state, stream.matcher, after: after, limit: .max, bytes: bytes)
            switch finding {
            case .entries, .below: state.feeding.insert(stream.id)
            case .upToDate:
                state.feeding.remove(stream.id)
                state.subscribers[stream.id] = .stream(stream)
                state.index.insert(stream.id, stream.matcher)
            }
            return finding
        }
        // Its end may have come between the two looks; then nobody else removes it.
        if stream.stream.isClosed { remove(stream.id) }
        return finding
    }

    /// What a poll that has seen everything up to `after` gets; when there is nothing, `signal` is set as soon as there is.
    func watch(
        _ matcher: EventMatcher, id: Int, after: Int64, limit: Int, bytes: Int, signal: WakeSignal
    ) -> Finding {
        state.withLock { state in
            let finding = Self.find(&state, matcher, after: after, limit: limit, bytes: bytes)
            if case .upToDate = finding {
                state.subscribers[id] = .poll(matcher, signal)
                state.index.insert(id, matcher)
            }
            return finding
        }
    }

    /// Takes a reader out; it may be gone already.
    func remove(_ id: Int) {
        state.withLock { state in
            state.feeding.remove(id)
            guard let subscriber = state.subscribers.removeValue(forKey: id) else { return }
            state.index.remove(id, subscriber.matcher)
        }
    }

    private static func find(
        _ state: inout State, _ matcher: EventMatcher, after: Int64, limit: Int, bytes: Int
    ) -> Finding {
        state.lastUsed = .now
        guard let stretch = state.ring?.stretch(matcher, after: after, limit: limit, bytes: bytes) else {
            return .below
        }
        return stretch.entries.isEmpty && !stretch.hasMore ? .upToDate(edge: stretch.edge) : .entries(stretch)
    }

    // MARK: The tailer

    /// What the tailer has to do.
    enum Duty: Equatable {
        /// Nobody reads live.
        case rest
        /// Somebody waits for the ring: begin at the head.
        case begin
        case read(after: Int64)
    }

    func nextDuty(now: ContinuousClock.Instant) -> Duty {
        state.withLock { state in
            let isUsed =
                !state.subscribers.isEmpty || !state.feeding.isEmpty || !state.waiting.isEmpty
                || now - state.lastUsed < Self.linger
            guard let ring = state.ring else { return state.waiting.isEmpty ? .rest : .begin }
            if isUsed { return .read(after: ring.edge) }
            state.ring = nil
            metrics.ringBytes.set(0)
            return .rest
        }
    }

    /// An empty ring behind the head.
    func begin(at head: FeedHead) {
        let waiting = state.withLock { state in
            if state.ring == nil {
                state.ring = FeedRing(behind: head.next - 1, epoch: head.epoch, capacity: capacity)
            }
            defer { state.waiting = [:] }
            return state.waiting.values.map { $0 }
        }
        for signal in waiting { signal.set() }
    }

    /// Hands out what the tailer has read.
    func publish(_ batch: FeedTail.Batch) {
        let entries = batch.items.map(RingEntry.init)
        var polls: [WakeSignal] = []
        var selection = BatchSelection()
        var streams: [Int: LiveStream] = [:]
        let before: (epoch: UInt32, edge: Int64)? = state.withLock { state in
            guard let ring = state.ring, ring.epoch == batch.head.epoch, batch.edge >= ring.edge else { return nil }
            let before = (ring.epoch, ring.edge)
            for (number, entry) in entries.enumerated() {
                state.index.forEach(entry) { id in
                    switch state.subscribers[id] {
                    case .stream(let stream) where stream.matcher.isInTime(entry):
                        streams[id] = stream
                        selection.add(number, for: id)
                    case .poll(let matcher, let signal) where matcher.isInTime(entry): polls.append(signal)
                    default: break
                    }
                }
            }
            state.ring?.append(entries, edge: batch.edge)
            metrics.ringBytes.set(Double(state.ring?.bytes ?? 0))
            return before
        }
        guard let before else { return restart() }
        for signal in polls { signal.set() }
        send(streams, selection, entries, epoch: before.epoch, edgeBefore: before.edge)
    }

    /// All frames of a batch go to a stream as one push, so that a full queue refuses all of them and nothing overtakes.
    private func send(
        _ streams: [Int: LiveStream], _ selection: BatchSelection, _ entries: [RingEntry], epoch: UInt32,
        edgeBefore: Int64
    ) {
        guard !streams.isEmpty else { return }
        // Most streams want the same: they share the bytes.
        var chunks: [Int: (bytes: [UInt8], count: Int)] = [:]
        var pushes: [(ResponseStream, [UInt8])] = []
        pushes.reserveCapacity(streams.count)
        var count = 0
        for (id, stream) in streams {
            let choice = selection.choice(of: id)
            let chunk = chunks[choice] ?? Self.chunk(selection.numbers(in: choice), entries, epoch)
            chunks[choice] = chunk
            count += chunk.count
            pushes.append((stream.stream, chunk.bytes))
        }
        metrics.streamed.increment(by: count)
        let refused = Set(ResponseStream.push(pushes).map(ObjectIdentifier.init))
        guard !refused.isEmpty else { return }
        for stream in streams.values where refused.contains(ObjectIdentifier(stream.stream)) {
            remove(stream.id)
            guard !stream.stream.isClosed else { continue }
            // It takes its events from the ring, at its own pace, until it is up to date again.
            state.withLock { _ = $0.feeding.insert(stream.id) }
            metrics.stragglers.increment()
            straggle.yield((stream, after: edgeBefore))
        }
    }

    private static func chunk(
        _ numbers: [Int], _ entries: [RingEntry], _ epoch: UInt32
    ) -> (bytes: [UInt8], count: Int) {
        var bytes: [UInt8] = []
        for number in numbers {
            let cursor = FeedCursor(epoch: epoch, pos: entries[number].pos)
            EventStreamFrame.append(entries[number].envelope, cursor: cursor, to: &bytes)
        }
        return (bytes, numbers.count)
    }

    /// The feed is another one now, or went back: streams end, and their clients are told so when they come again.
    private func restart() {
        let streams = state.withLock { state in
            state.ring = nil
            return state.subscribers.values.compactMap { subscriber in
                if case .stream(let stream) = subscriber { stream.stream } else { nil }
            }
        }
        for stream in streams { stream.end() }
    }

    /// Keeps proxies from closing quiet streams, and finds clients that have gone.
    func sendHeartbeats() {
        let streams = state.withLock { state in
            state.subscribers.values.compactMap { subscriber in
                if case .stream(let stream) = subscriber { stream.stream } else { nil }
            }
        }
        ResponseStream.push(EventStreamFrame.heartbeat, to: streams)
    }

    /// Ends all streams and lets all polls go; from now on nobody joins.
    func end() {
        let (subscribers, waiting) = state.withLock { state in
            state.isEnding = true
            defer { state.waiting = [:] }
            return (Array(state.subscribers.values), Array(state.waiting.values))
        }
        straggle.finish()
        for subscriber in subscribers {
            switch subscriber {
            case .stream(let stream): stream.stream.end()
            case .poll(_, let signal): signal.set()
            }
        }
        for signal in waiting { signal.set() }
    }

    var isEnding: Bool { state.withLock(\.isEnding) }

    var pollCount: Int {
        state.withLock { state in
            state.subscribers.values.count { subscriber in
                if case .poll = subscriber { true } else { false }
            }
        }
    }

    var streamCount: Int {
        state.withLock { state in
            state.feeding.count
                + state.subscribers.values.count { subscriber in
                    if case .stream = subscriber { true } else { false }
                }
        }
    }
}
