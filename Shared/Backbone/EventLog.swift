public import EventModel

/// The write end of the pipeline: what `append` has answered is durable (on Postgres: committed; on Kafka: acknowledged by
/// all in-sync replicas).
///
///     let receipts = try await log.append(batch)   // one call, one commit, one answer for all of them
public protocol EventLog: Sendable {
    /// Connects, warms up and serves until `shutdown`.
    func run() async throws

    /// Ends what `run` does, after what was appended is answered. (Cancelling the task of `run` gives up at once.)
    func shutdown() async

    /// True once an append can be expected to succeed.
    var isReady: Bool { get }

    /// Appends the events in order and answers a receipt for each, in order. Never repeats a call whose outcome is
    /// unknown: the clients' keys decide.
    ///
    /// - Parameter completion: Called once, on whatever thread has the answer, so that it waits for no other: it must be
    ///   quick and must not block. Errors: `unavailable`, `outcomeUnknown`, `overloaded`, `stopped`. A poison event inside
    ///   the batch does not fail the others: its receipt is `refused`.
    func append(_ events: [NewEvent], completion: @escaping @Sendable (AppendAnswer) -> Void)
}

public typealias AppendAnswer = Result<[AppendReceipt], BackboneError>

extension EventLog {
    /// Appends and waits for the answer.
    ///
    /// - Throws: as the other form answers.
    public func append(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt] {
        if events.isEmpty { return [] }
        // Unsafe only in name: a completion is called once.
        let answer: AppendAnswer = await withUnsafeContinuation { continuation in
            append(events) { continuation.resume(returning: $0) }
        }
        return try answer.get()
    }
}

/// What became of one appended event.
public enum AppendReceipt: Sendable, Equatable {
    /// Durable. `id` is the winner's where the key was known.
    case stored(id: EventID, isDuplicate: Bool)
    /// The store cannot hold this event and never will.
    case refused(reason: String)
    /// This record's outcome is unknown (Kafka only: other records of the batch were acknowledged).
    case unknown
}
