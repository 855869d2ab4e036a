public import Database
internal import EventCodec

/// A webhook of a test's, and the receiver behind it.
public struct WatchedWebhook: Sendable {
    public let id: String
    public let secret: String
    public let events: [String]
    /// The feed's next position when it was created.
    public let from: Int64
    public let receiver: TestReceiver
}

extension Installation {
    /// Registers a webhook that the checker knows.
    ///
    /// - Parameter members: more members of the request's JSON object, such as `"schedule":[0,1]`.
    public func watch(
        _ receiver: TestReceiver, events: [String] = [], _ members: String = ""
    ) async throws -> WatchedWebhook {
        let from = try await withPool { try await $0.execute(Self.head, .none, timeout: nil).int64(0, 0) }
        let (id, secret) = try await createWebhook(receiver.url + "hook", events: events, members)
        return WatchedWebhook(id: id, secret: secret, events: events, from: from, receiver: receiver)
    }

    /// Waits until every event on the feed came to its end for each of the webhooks that it matches, then has the checker
    /// judge all there is to see. Empty when all is well.
    public func findings(
        _ webhooks: [WatchedWebhook], acknowledged: [DeliveryEvidence.Acknowledged],
        allowing allowance: DeliveryChecker.Allowance = DeliveryChecker.Allowance(),
        within limit: Duration = .seconds(30)
    ) async throws -> [String] {
        var late: [String] = []
        do {
            try await waitForEnds(webhooks, feedHas: acknowledged, within: limit)
        } catch let error as NeverTrue {
            // What is missing is for the checker to say.
            late.append("\(error)")
        }
        return late
            + DeliveryChecker.findings(
                try await evidence(webhooks, acknowledged: acknowledged), allowing: allowance)
    }

    /// Waits until every event on the feed came to its end for each of the webhooks that it matches.
    public func waitForEnds(
        _ webhooks: [WatchedWebhook], feedHas acknowledged: [DeliveryEvidence.Acknowledged] = [],
        within limit: Duration = .seconds(30)
    ) async throws {
        try await withPool { pool in
            var ids = Parameters()
            ids.add(Set(acknowledged.map(\.event)).joined(separator: ","))
            try await eventually("all acknowledged events are on the feed", within: limit) {
                try await pool.execute(Self.missing, ids, timeout: nil).int64(0, 0) == 0
            }
            for webhook in webhooks {
                var parameters = Parameters()
                parameters.add(webhook.id)
                parameters.add(webhook.from)
                parameters.add(webhook.events.joined(separator: ","))
                parameters.add(status.tenant)
                try await eventually("every delivery to \(webhook.id) has its end", within: limit) {
                    try await pool.execute(Self.open, parameters, timeout: nil).int64(0, 0) == 0
                }
            }
        }
    }

    /// Everything that there is to see of the tenant's events at the moment.
    public func evidence(
        _ webhooks: [WatchedWebhook], acknowledged: [DeliveryEvidence.Acknowledged]
    ) async throws -> DeliveryEvidence {
        // What is told of endpoints comes by itself: look until nothing came while we looked.
        for _ in 0..<5 {
            let before = try await withPool { try await $0.execute(Self.head, .none, timeout: nil).int64(0, 0) }
            let evidence = try await glimpse(webhooks, acknowledged: acknowledged)
            if evidence.nextPosition == before { return evidence }
        }
        return try await glimpse(webhooks, acknowledged: acknowledged)
    }

    private func glimpse(
        _ webhooks: [WatchedWebhook], acknowledged: [DeliveryEvidence.Acknowledged]
    ) async throws -> DeliveryEvidence {
        var evidence = DeliveryEvidence(tenant: status.tenant)
        evidence.acknowledged = acknowledged
        evidence.polled = try await polledFeed()
        let (head, feed, attempts, letters) = try await withPool { pool in
            (
                try await pool.execute(Self.head, .none, timeout: nil),
                try await pool.execute(Self.feed, .none, timeout: nil),
                try await pool.execute(Self.attempts, .none, timeout: nil),
                try await pool.execute(Self.letters, .none, timeout: nil)
            )
        }
        evidence.nextPosition = head.int64(0, 0)
        evidence.oldestPosition = head.int64(0, 1)
        evidence.feed = (0..<feed.count).map { row in
            DeliveryEvidence.FeedRow(
                position: feed.int64(row, 0), event: feed.text(row, 1), type: feed.text(row, 2),
                tenant: feed.text(row, 3), onlyEndpoint: feed.optionalText(row, 4),
                exceptEndpoint: feed.optionalText(row, 5), envelope: feed.bytes(row, 6))
        }
        evidence.attempts = (0..<attempts.count).map { row in
            DeliveryEvidence.Attempt(
                endpoint: attempts.text(row, 0), event: attempts.text(row, 1), delivery: attempts.text(row, 2),
                cause: attempts.text(row, 3), number: Int(attempts.int32(row, 4)), verdict: attempts.text(row, 5),
                reason: attempts.optionalText(row, 6), status: attempts.optionalInt32(row, 7).map(Int.init),
                errorClass: attempts.optionalText(row, 8))
        }
        evidence.deadLetters = (0..<letters.count).map { row in
            DeliveryEvidence.DeadLetter(
                endpoint: letters.text(row, 0), event: letters.text(row, 1), delivery: letters.text(row, 2),
                payload: letters.bytes(row, 3))
        }
        evidence.endpoints = webhooks.map { webhook in
            DeliveryEvidence.Endpoint(
                id: webhook.id, secret: webhook.secret, events: webhook.events, from: webhook.from,
                requests: webhook.receiver.requests.values)
        }
        return evidence
    }

    /// The tenant's feed, as a poller that follows the cursor gets it.
    public func polledFeed(page: Int = 100) async throws -> [[UInt8]] {
        var envelopes: [[UInt8]] = []
        var cursor: String?
        while true {
            // A database that has just come back may not have this process back yet: a poller asks again.
            let answer = try await eventually("the feed is read") {
                let answer = try await request(
                    "GET", "/v1/events?limit=\(page)" + (cursor.map { "&cursor=\($0)" } ?? ""))
                return answer.status == 503 ? nil : answer
            }
            guard answer.status == 200 else { throw SpawnError("reading the feed: \(answer.status) \(answer.text)") }
            envelopes += JSONSlices.elements(of: answer.body)
            // The rest of the page, without the events: one of them may have a key twice, which is no tree.
            let marked = answer.text.split(separator: #"],"next_cursor":"#, omittingEmptySubsequences: false)
            let rest = try JSONValue(parsing: Array((#"{"next_cursor":"# + (marked.last ?? "")).utf8))
            guard case .string(let next)? = rest["next_cursor"], case .bool(let hasMore)? = rest["has_more"] else {
                throw SpawnError("a page without next_cursor: \(answer.text.suffix(200))")
            }
            guard hasMore else { return envelopes }
            cursor = next
        }
    }

    /// Runs `body` with connections that are closed behind it.
    public func withPool<Value: Sendable>(_ body: (ConnectionPool) async throws -> Value) async throws -> Value {
        let pool = pool()
        let result: Result<Value, any Error>
        do { result = .success(try await body(pool)) } catch { result = .failure(error) }
        await pool.shutdown()
        return try result.get()
    }

    // MARK: SQL

    private static let head = Statement(
        "check.head", "select next_pos, oldest_pos from fanfare.feed_head")
    private static let missing = Statement(
        "check.missing",
        """
        select count(*) from unnest(string_to_array($1, ',')) as a(id)
        where not exists (select from fanfare.events e where e.event_id = a.id)
        """)
    private static let feed = Statement(
        "check.feed",
        "select pos, event_id, type, tenant_id, only_endpoint, except_endpoint, envelope from fanfare.events order by pos"
    )
    private static let attempts = Statement(
        "check.attempts",
        """
        select webhook_id, event_id, delivery_id, cause, attempt, verdict, reason, status, error_class
        from fanfare.webhook_audit where direction = 'outbound' order by seq
        """)
    private static let letters = Statement(
        "check.letters", "select webhook_id, event_id, delivery_id, payload from fanfare.dead_letters")
    private static let open = Statement(
        "check.open",
        """
        select count(*) from fanfare.events e
        where e.tenant_id = $4 and e.pos >= $2 and e.except_endpoint is distinct from $1
            and (e.only_endpoint = $1 or e.only_endpoint is null and ($3 = '' or exists (
                select from unnest(string_to_array($3, ',')) as t(name)
                where e.type = t.name or starts_with(e.type, t.name || '.'))))
            and not exists (select from fanfare.webhook_audit a
                where a.event_id = e.event_id and a.webhook_id = $1 and a.verdict <> 'retrying')
        """)
}

/// Cuts JSON into pieces byte for byte; it trusts that the text is JSON.
enum JSONSlices {
    /// The elements of the first array in the text.
    static func elements(of bytes: [UInt8]) -> [[UInt8]] {
        guard let open = bytes.firstIndex(of: UInt8(ascii: "[")) else { return [] }
        var (start, depth, isInString, isEscaped) = (open + 1, 0, false, false)
        var elements: [[UInt8]] = []
        for index in (open + 1)..<bytes.count {
            let byte = bytes[index]
            if isInString {
                (isInString, isEscaped) = (isEscaped || byte != 0x22, !isEscaped && byte == 0x5C)
                continue
            }
            switch byte {
            case 0x22: isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ","), UInt8(ascii: "]"):
                if depth == 0 {
                    if index > start { elements.append(Array(bytes[start..<index])) }
                    start = index + 1
                    if byte == UInt8(ascii: "]") { return elements }
                } else if byte == UInt8(ascii: "]") {
                    depth -= 1
                }
            case UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return elements
    }
}
