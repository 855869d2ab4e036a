internal import Backbone
internal import EventModel
internal import HTTPServer
internal import Tracing

extension Hall {
    /// The submission with its events put in the sender's trace, or in one of their own where it is their turn. All events of a
    /// request have one span: its acceptance.
    func traced(_ submission: Submission) -> Submission {
        guard let tracer, let (trace, parent) = tracer.adopt(submission.traceparent) else { return submission }
        var submission = submission
        for index in submission.events.indices { submission.events[index].trace = trace }
        guard tracer.isOn, trace.isSampled else { return submission }
        let (clock, start, count) = (clock, clock.now(), submission.events.count)
        let record: @Sendable (Int) -> Void = { status in
            tracer.record(
                TraceSpan(
                    "accept", kind: .server, trace: trace, parent: parent, start: start, end: clock.now(),
                    attributes: [("fanfare.events", .int(count)), ("http.response.status_code", .int(status))],
                    error: status >= 500 ? "unavailable" : nil), of: trace)
        }
        let (answer, failed) = (submission.answer, submission.failed)
        submission.answer = { receipts in
            let response = answer(receipts)
            record(response.status)
            return response
        }
        submission.failed = { response in
            failed?(response)
            record(response.status)
        }
        return submission
    }
}
