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

    /// Appends the events in order and returns a receipt for each, in order. Never repeats a call whose outcome is
    /// unknown: the clients' keys decide.
    ///
    /// - Throws: `unavailable`, `outcomeUnknown`, `overloaded`. A poison event inside the batch does not fail the others:
    ///   its receipt is `refused`.
    func append(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt]
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
