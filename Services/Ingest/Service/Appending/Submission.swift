internal import Backbone
internal import EventModel
internal import HTTPServer

/// One request that waits for its events to be durable.
struct Submission: Sendable {
    var events: [NewEvent]
    /// Envelope bytes of all events.
    let bytes: Int
    let responder: Responder
    /// When it was ready to be appended.
    let since = ContinuousClock.now
    /// How the door speaks of failures.
    let form: ErrorForm
    /// Makes the answer from the events' receipts, in order; not called when one of them was refused or is unknown.
    var answer: @Sendable (ArraySlice<AppendReceipt>) -> Response
    /// Learns of the answer that was given instead.
    var failed: (@Sendable (Response) -> Void)?
    /// The sender's place in a trace, as it says.
    let traceparent: String?

    init(
        events: [NewEvent], responder: Responder, form: ErrorForm = .standard, traceparent: String? = nil,
        failed: (@Sendable (Response) -> Void)? = nil,
        answer: @escaping @Sendable (ArraySlice<AppendReceipt>) -> Response
    ) {
        self.events = events
        self.responder = responder
        self.form = form
        self.failed = failed
        self.traceparent = traceparent
        self.answer = answer
        bytes = events.reduce(0) { $0 + $1.envelope.count }
    }
}
