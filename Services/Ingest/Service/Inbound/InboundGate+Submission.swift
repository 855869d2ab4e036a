internal import Backbone
internal import EventModel
internal import HTTPServer

extension InboundGate {
    /// A request's events on their way to the log. What the audit says of it goes with the first of them and is stored in the
    /// same transaction; a request whose events are not stored is a refusal.
    ///
    /// - Parameters:
    ///   - entry: with all that is known.
    ///   - status: of the answer, should the log take the events.
    ///   - respond: makes the answer from the receipt of the first event.
    func submission(
        _ events: [NewEvent], _ entry: Entry, status: Int, _ responder: Responder, form: ErrorForm = .standard,
        respond: @escaping @Sendable (AppendReceipt?) -> Response
    ) -> Submission {
        var events = events
        if let first = events.indices.first {
            events[first].audit = EventAudit(Self.record(entry, .accepted, status: status))
        }
        let channel = entry.record.channel
        return Submission(
            events: events, responder: responder, form: form, traceparent: entry.traceparent,
            failed: { self.finish(entry, .refused, status: $0.status, reason: "unavailable") },
            answer: { [instruments] receipts in
                var isDuplicate = false
                if case .stored(_, let known)? = receipts.first { isDuplicate = known }
                instruments.count(channel, isDuplicate ? .duplicate : .accepted)
                return respond(receipts.first)
            })
    }
}
