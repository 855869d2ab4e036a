internal import Backbone
internal import EventModel

/// How one POST ended, in the dispatcher's terms.
struct AttemptResult: Sendable {
    /// HTTP status, nil without an answer.
    var status: Int?
    /// Set where there was no answer: `dns`, `refused_by_policy`, `connect`, `tls`, `timeout_connect`, `timeout`, `reset`,
    /// `too_large`, `protocol`, `cancelled`.
    var failure: String?
    var dns: Int64?
    var connect: Int64?
    var tls: Int64?
    var firstByte: Int64?
    var total: Int64?
    /// `Retry-After` in seconds, as far as it was understood.
    var retryAfter: Int?
    var responseHeaders: String?
    var responseHead: [UInt8]?

    /// A 2xx status line that was read decides, also when the rest of the answer was too large or never came: the endpoint has
    /// the event, and sending it again would only make it a duplicate.
    var isSuccess: Bool { status.map { (200..<300).contains($0) } ?? false }

    /// There was no answer, and nothing that told of one soon.
    var isSilent: Bool { failure == "timeout" || failure == "timeout_connect" }

    /// The class that audit and metrics name; nil for success.
    var errorClass: String? {
        if isSuccess { return nil }
        if let failure { return failure }
        guard let status else { return nil }
        return "http_\(status / 100)xx"
    }
}

/// A POST that may go out now.
struct PendingAttempt: Sendable {
    let record: LaneRecord
    let configuration: EndpointConfiguration
    let token: UInt64
}
