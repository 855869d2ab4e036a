internal import Crypto
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Synchronization
internal import Tracing

/// What all doors share: the directory, the clock, the maker of ids, and the way to the log.
final class Hall: Sendable {
    let directory: any IngestDirectory
    let clock: any WallClock
    let tracer: Tracer?
    private let queue: AppendQueue
    private let late: LateRequests
    private let ids: Mutex<EventIDMaker>

    init(
        directory: any IngestDirectory, clock: any WallClock, queue: AppendQueue, late: LateRequests,
        tracer: Tracer? = nil
    ) {
        self.directory = directory
        self.clock = clock
        self.queue = queue
        self.tracer = tracer
        self.late = late
        ids = Mutex(EventIDMaker(random: SecureRandom.fill))
    }

    /// An event's id: a hash for one with a key, so that every process gives it the same id all day.
    func id(key: DedupeKey?, at now: Timestamp) -> EventID {
        if let key { return EventIDMaker.keyed(key, at: now) }
        return ids.withLock { $0.next(at: now) }
    }

    /// An event of a sender who has no say in its id or time.
    func newEvent(
        _ type: EventType, tenant: TenantID, key: DedupeKey?, at now: Timestamp, data: [UInt8]
    ) -> NewEvent {
        let id = id(key: key, at: now)
        let envelope = EnvelopeWriter.write(
            id: id, type: type, createdAt: now, tenant: tenant, smith: nil, data: data)
        return NewEvent(
            id: id, tenant: tenant, type: type.text, smithID: nil, createdAt: now, dedupeKey: key?.bytes,
            envelope: envelope)
    }

    /// Answers a refusal, or queues an acceptance until the turn of the loop ends.
    func conclude(_ verdict: DoorVerdict, _ responder: Responder, form: ErrorForm = .standard) {
        switch verdict {
        case .refuse(let error):
            responder.respond(form.render(error))
        case .accept(let submission):
            if !queue.add(traced(submission)) {
                let response = form.render(Unavailable.overloaded)
                submission.failed?(response)
                responder.respond(response)
            }
        }
    }

    /// Runs `work` away from the loop: for the rare request whose token or workspace the snapshot does not have yet.
    func later(_ responder: Responder, _ work: @escaping @Sendable () async -> Void) {
        guard late.add(work) else {
            responder.respond(Unavailable.overloaded)
            return
        }
    }

    /// Ends a turn that did not run on the loop.
    func flush() {
        queue.flush()
    }

    /// The dedupe key of a publisher's own key.
    static func dedupeKey(_ material: [UInt8]) -> DedupeKey {
        let digest = SHA256.hash(material).prefix
        return DedupeKey(high: digest.high, low: digest.low)
    }
}
