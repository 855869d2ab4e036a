internal import Backbone
internal import EventModel
internal import HTTPServer

extension InboundGate {
    /// A request's events on their way to the log; whatever comes of them is written to the audit with its answer.
    ///
    /// - Parameters:
    ///   - entry: with all that is known but the event that the log kept.
    ///   - respond: makes the answer from the receipt of the first event.
    func submission(
        _ events: [NewEvent], _ entry: Entry, _ responder: Responder, form: ErrorForm = .standard,
        respond: @escaping @Sendable (AppendReceipt?) -> Response
    ) -> Submission {
        Submission(
            events: events, responder: responder, form: form, traceparent: entry.traceparent,
            failed: { self.finish(entry, .refused, status: $0.status, reason: "unavailable") },
            answer: { receipts in
                var entry = entry
                var isDuplicate = false
                if case .stored(let id, let known)? = receipts.first {
                    entry.record.event = id
                    isDuplicate = known
                }
                let response = respond(receipts.first)
                self.finish(entry, isDuplicate ? .duplicate : .accepted, status: response.status)
                return response
            })
    }
}
