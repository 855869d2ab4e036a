internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// What a request asks of the feed (contracts §5).
struct FeedQuery: Sendable {
    /// Bytes of envelopes in a page; a page has at least one event.
    static let pageBytes = 8 << 20
    private static let longestWait = 60
    private static let maximumFamilies = 50

    var filter: FeedFilter
    var limit: Int
    var isDescending: Bool
    var cursor: FeedCursor?
    /// Seconds.
    var wait: Int

    init(_ call: APICall) throws(HTTPError) {
        filter = FeedFilter(tenant: call.tenant)
        filter.families = try FeedQuery.families(call)
        if let smith = call.query["smith_id"] {
            guard SmithID(smith) != nil else { throw call.invalid("smith_id", "is 1-64 printable characters") }
            filter.smith = smith
        }
        filter.since = try call.time("since")
        filter.until = try call.time("until")
        limit = try call.int("limit", in: 1...1_000, default: 50)
        isDescending = try call.choice("order", of: ["asc", "desc"]) == "desc"
        wait = try call.int("wait", in: 0...FeedQuery.longestWait, default: 0)
        cursor = try FeedQuery.cursor(call.query["cursor"], param: "cursor")
    }

    /// Repeated or separated by commas; nil: every type.
    private static func families(_ call: APICall) throws(HTTPError) -> [EventType]? {
        let texts = call.query.values("type").flatMap { $0.split(separator: ",", omittingEmptySubsequences: true) }
        guard !texts.isEmpty else { return nil }
        var patterns: [SubscriptionPattern] = []
        for text in texts {
            guard let pattern = SubscriptionPattern(String(text)) else {
                throw call.invalid("type", "is an event type, a family of types such as slack or slack.*, or *")
            }
            patterns.append(pattern)
        }
        let reduced = SubscriptionFilter(patterns)
        guard reduced.patterns.count <= maximumFamilies else {
            throw call.invalid("type", "names at most \(maximumFamilies) types")
        }
        return reduced.isEverything ? nil : reduced.patterns.compactMap(\.family)
    }

    static func cursor(_ text: String?, param: String) throws(HTTPError) -> FeedCursor? {
        guard let text, !text.isEmpty else { return nil }
        do throws(FeedCursor.ParseError) {
            return try FeedCursor(parsing: text)
        } catch {
            throw .badRequest("invalid_cursor", "this is no cursor of the feed", param: param)
        }
    }

    /// Whether the cursor is still one of this feed.
    ///
    /// - Throws: 410 with the oldest cursor that is.
    func check(_ head: FeedHead) throws(HTTPError) {
        guard let cursor else { return }
        if cursor.epoch != head.epoch {
            throw FeedQuery.gone(
                head, "epoch_changed", "the feed was restored from a backup: positions of before mean nothing now")
        }
        guard !isDescending else { return }
        if cursor.pos < head.oldest - 1 {
            throw FeedQuery.gone(head, "retention", "events behind this cursor are older than the feed keeps them")
        }
        if cursor.pos >= head.next {
            throw FeedQuery.gone(head, "beyond_head", "this cursor lies beyond the end of the feed")
        }
    }

    private static func gone(_ head: FeedHead, _ reason: String, _ message: String) -> HTTPError {
        HTTPError(
            status: 410, code: "cursor_gone", message: message, param: "cursor",
            extras: [
                HTTPField("reason", reason),
                HTTPField("oldest_cursor", FeedCursor(epoch: head.epoch, pos: head.oldest - 1).text),
            ])
    }
}
