internal import CRdKafka
internal import Glibc
internal import Observability
internal import Synchronization

/// One librdkafka producer with its polling thread: a producer id's life.
///
/// A session ends by `stop`, or by a fatal error (the broker no longer knows its sequence numbers), after which
/// `KafkaProducer` goes on with another one.
final class ProducerSession: Sendable {
    /// Unchecked because it is a pointer to librdkafka's topic object, whose calls are thread-safe and which lives until
    /// the polling thread, the last user of the session, lets it go.
    private struct TopicObject: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private struct State {
        var topics: [String: TopicObject] = [:]
        var stopBy: ContinuousClock.Instant?
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let handle: ClientHandle
    private let events: ClientEvents
    private let onFatalError: @Sendable (ProducerSession) -> Void
    private let state = Mutex(State())

    init(
        settings: KafkaProducerSettings, events: ClientEvents,
        onFatalError: @escaping @Sendable (ProducerSession) -> Void
    ) throws(KafkaError) {
        handle = try ClientHandle(
            RD_KAFKA_PRODUCER, settings: settings.properties, transport: settings.connection.transport,
            events: ClientEvents.handled | Int32(RD_KAFKA_EVENT_DR))
        self.events = events
        self.onFatalError = onFatalError
        NamedThread.start("kafka-poll") { self.poll() }
    }

    // MARK: Handing over

    /// Hands a batch to librdkafka; all of its topics and partitions exist.
    func enqueue(_ batch: KafkaBatch, completion: @escaping ProduceTracker.Completion) throws(KafkaError) {
        let isOpen = handle.withHandle { client in
            let topics = batch.topics.map { topic(named: $0, of: client) }
            let tracker = ProduceTracker.make(count: batch.count, completion: completion)
            let refused = tracker._withUnsafeGuaranteedRef { tracker in
                batch.bytes.withUnsafeBytes { bytes in
                    batch.headers.isEmpty
                        ? Self.enqueueBare(batch, bytes, topics, tracker)
                        : Self.enqueueWithHeaders(batch, bytes, topics, client, tracker)
                }
            }
            ProduceTracker.settle(tracker, refused + 1)
            return true
        }
        if isOpen == nil { throw KafkaError(.closed, "the producer is closed") }
    }

    /// Runs of records of one topic by `rd_kafka_produce_batch`: two thirds of the cost of a call a record.
    private static func enqueueBare(
        _ batch: KafkaBatch, _ bytes: UnsafeRawBufferPointer, _ topics: [OpaquePointer], _ tracker: ProduceTracker
    ) -> Int {
        var refused = 0
        var from = 0
        while from < batch.count {
            let topic = batch.entries[from].topic
            let to = batch.entries[from...].firstIndex { $0.topic != topic } ?? batch.count
            withUnsafeTemporaryAllocation(of: rd_kafka_message_t.self, capacity: to - from) { messages in
                for index in from..<to {
                    messages.initializeElement(
                        at: index - from, to: message(batch.entries[index], bytes, tracker, index))
                }
                let taken = rd_kafka_produce_batch(
                    topics[Int(topic)], RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_PARTITION,
                    messages.baseAddress, Int32(to - from))
                guard Int(taken) < to - from else { return }
                for index in from..<to where messages[index - from].err != RD_KAFKA_RESP_ERR_NO_ERROR {
                    tracker.refuse(index, error: messages[index - from].err)
                    refused += 1
                }
            }
            from = to
        }
        return refused
    }

    private static func message(
        _ entry: KafkaBatch.Entry, _ bytes: UnsafeRawBufferPointer, _ tracker: ProduceTracker, _ index: Int
    ) -> rd_kafka_message_t {
        // librdkafka copies and does not write: the casts only undo the missing const in its signature.
        let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        var message = rd_kafka_message_t()
        message.partition = entry.partition
        message.key = entry.keyLength > 0 ? start?.advanced(by: entry.start) : nil
        message.key_len = Int(entry.keyLength)
        message.payload = start?.advanced(by: entry.start + Int(entry.keyLength))
        message.len = entry.valueLength
        message._private = UnsafeMutableRawPointer(tracker.slots.baseAddress?.advanced(by: index))
        return message
    }

    private static func enqueueWithHeaders(
        _ batch: KafkaBatch, _ bytes: UnsafeRawBufferPointer, _ topics: [OpaquePointer], _ client: OpaquePointer,
        _ tracker: ProduceTracker
    ) -> Int {
        var refused = 0
        for (index, entry) in batch.entries.enumerated() {
            let message = message(entry, bytes, tracker, index)
            let headers = rd_kafka_headers_new(Int(entry.headerCount))
            for header in batch.headers[Int(entry.firstHeader)..<Int(entry.firstHeader + entry.headerCount)] {
                rd_kafka_header_add(
                    headers, header.name, -1, bytes.baseAddress?.advanced(by: header.start), header.length)
            }
            var arguments = [
                argument(RD_KAFKA_VTYPE_RKT) { $0.rkt = topics[Int(entry.topic)] },
                argument(RD_KAFKA_VTYPE_PARTITION) { $0.i32 = entry.partition },
                argument(RD_KAFKA_VTYPE_MSGFLAGS) { $0.i = RD_KAFKA_MSG_F_COPY },
                argument(RD_KAFKA_VTYPE_KEY) {
                    $0.mem.ptr = message.key
                    $0.mem.size = message.key_len
                },
                argument(RD_KAFKA_VTYPE_VALUE) {
                    $0.mem.ptr = message.payload
                    $0.mem.size = message.len
                },
                argument(RD_KAFKA_VTYPE_OPAQUE) { $0.ptr = message._private },
                argument(RD_KAFKA_VTYPE_HEADERS) { $0.headers = headers },
            ]
            // The headers belong to the record once it is taken, and stay ours when it is not.
            guard let error = rd_kafka_produceva(client, &arguments, arguments.count) else { continue }
            tracker.refuse(index, error: rd_kafka_error_code(error))
            rd_kafka_error_destroy(error)
            rd_kafka_headers_destroy(headers)
            refused += 1
        }
        return refused
    }

    private static func argument(
        _ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_s.__Unnamed_union_u) -> Void
    ) -> rd_kafka_vu_t {
        var argument = rd_kafka_vu_t()
        argument.vtype = type
        set(&argument.u)
        return argument
    }

    private func topic(named name: String, of client: OpaquePointer) -> OpaquePointer {
        if let known = state.withLock({ $0.topics[name] }) { return known.pointer }
        guard let made = rd_kafka_topic_new(client, name, nil) else {
            preconditionFailure("librdkafka refused a topic's name that a broker had confirmed")
        }
        let object = TopicObject(pointer: made)
        // librdkafka gives every caller the same object, counted: the loser of a race returns its reference.
        let isFirst = state.withLock { $0.topics.updateValue(object, forKey: name) == nil }
        if !isFirst { rd_kafka_topic_destroy(made) }
        return made
    }

    // MARK: Ending

    /// Waits for outcomes until `deadline`, gives up on the rest, and lets the client go. Returns when it is gone.
    func stop(by deadline: ContinuousClock.Instant) async {
        requestStop(by: deadline)
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiting.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    func requestStop(by deadline: ContinuousClock.Instant) {
        state.withLock { $0.stopBy = min($0.stopBy ?? deadline, deadline) }
        handle.wakePoller()
    }

    // MARK: The polling thread

    private static let wait: Int32 = 100

    private func poll() {
        var hasPurged = false
        while true {
            if let event = rd_kafka_queue_poll(handle.queue, Self.wait) {
                let type = rd_kafka_event_type(event)
                if type == Int32(RD_KAFKA_EVENT_DR) {
                    settle(event)
                } else if events.handle(event, of: type) {
                    onFatalError(self)
                }
                rd_kafka_event_destroy(event)
            }
            guard let deadline = state.withLock({ $0.stopBy }) else { continue }
            if rd_kafka_outq_len(handle.client) == 0 { break }
            if !hasPurged, ContinuousClock.now >= deadline {
                hasPurged = true
                rd_kafka_purge(handle.client, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
            }
        }
        end()
    }

    private func settle(_ event: OpaquePointer) {
        withUnsafeTemporaryAllocation(of: UnsafePointer<rd_kafka_message_t>?.self, capacity: 1024) { reports in
            while case let count = rd_kafka_event_message_array(event, reports.baseAddress, reports.count), count > 0 {
                settle(reports.prefix(count))
            }
        }
    }

    /// Neighbours are mostly of one batch: one atomic operation a run.
    private func settle(_ reports: Slice<UnsafeMutableBufferPointer<UnsafePointer<rd_kafka_message_t>?>>) {
        var run: (tracker: Unmanaged<ProduceTracker>, count: Int)?
        for case let report? in reports {
            guard let opaque = report.pointee._private else { continue }
            let slot = opaque.assumingMemoryBound(to: ProduceTracker.Slot.self)
            slot.pointee.partition = report.pointee.partition
            slot.pointee.offset = report.pointee.offset
            slot.pointee.error = Self.outcome(of: report.pointee).rawValue
            slot.pointee.isPossiblyPersisted = rd_kafka_message_status(report) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED
            let tracker = slot.pointee.tracker
            if let current = run, current.tracker.toOpaque() == tracker.toOpaque() {
                run = (tracker, current.count + 1)
            } else {
                if let ended = run { ProduceTracker.settle(ended.tracker, ended.count) }
                run = (tracker, 1)
            }
        }
        if let ended = run { ProduceTracker.settle(ended.tracker, ended.count) }
    }

    /// A success without an offset is none.
    ///
    /// librdkafka 2.0.2 takes a broker's "duplicate sequence number" for the loss of an earlier answer. It also comes
    /// when the first request of a producer id to a partition fails (the leader has just changed) and the second, sent
    /// behind it, succeeds: a broker that knows nothing of the id takes any number as its first, and calls the repeated
    /// first request a duplicate. Its records are in no log.
    private static func outcome(of report: rd_kafka_message_t) -> rd_kafka_resp_err_t {
        report.err == RD_KAFKA_RESP_ERR_NO_ERROR && report.offset < 0
            ? RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER : report.err
    }

    private func end() {
        handle.destroy {
            for topic in state.withLock({ Array($0.topics.values) }) { rd_kafka_topic_destroy(topic.pointer) }
        }
        let waiting = state.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for each in waiting { each.resume() }
    }
}
