internal import Backbone
internal import EventModel
internal import HTTPServer

/// One request that waits for its events to be durable.
struct Submission: Sendable {
    let events: [NewEvent]
    /// Envelope bytes of all events.
    let bytes: Int
    let responder: Responder
    /// When it was ready to be appended.
    let since = ContinuousClock.now
    /// How the door speaks of failures.
    let form: ErrorForm
    /// Makes the answer from the events' receipts, in order; not called when one of them was refused or is unknown.
    let answer: @Sendable (ArraySlice<AppendReceipt>) -> Response
    /// Learns of the answer that was given instead.
    let failed: (@Sendable (Response) -> Void)?

    init(
        events: [NewEvent], responder: Responder, form: ErrorForm = .standard,
        failed: (@Sendable (Response) -> Void)? = nil,
        answer: @escaping @Sendable (ArraySlice<AppendReceipt>) -> Response
    ) {
        self.events = events
        self.responder = responder
        self.form = form
        self.failed = failed
        self.answer = answer
        bytes = events.reduce(0) { $0 + $1.envelope.count }
    }
}
