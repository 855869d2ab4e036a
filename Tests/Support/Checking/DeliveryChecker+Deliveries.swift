internal import EventModel
internal import Signing

/// Deliveries: what the audit and the dead letters say, against what the receivers saw.
extension DeliveryChecker {
    /// How old a signature may be by the time the checker looks at it, in seconds.
    private static let signatureAge: Int64 = 3_600

    /// Every event for the endpoint came to exactly one end, and the dead letters are what the audit says.
    mutating func checkEnds(_ endpoint: DeliveryEvidence.Endpoint) {
        let attempts = evidence.attempts.filter { $0.endpoint == endpoint.id }
        let byEvent = Dictionary(grouping: attempts, by: \.event)
        let letters = evidence.deadLetters.filter { $0.endpoint == endpoint.id }
        let byDelivery = Dictionary(letters.map { ($0.delivery, $0) }) { first, _ in first }
        for row in evidence.feed where row.tenant == evidence.tenant && endpoint.matches(row) {
            let own = (byEvent[row.event] ?? []).filter { !$0.isRequested }
            if Set(own.map(\.delivery)).count > 1 {
                findings.add("delivered under two ids", "\(row.event) to \(endpoint.id)")
            }
            let ends = own.filter { $0.verdict != "retrying" }
            if ends.isEmpty { findings.add("delivery without end", "\(row.event) to \(endpoint.id)") }
            for end in ends where end.verdict == "cancelled" && end.reason == nil {
                findings.add("cancelled without reason", end.delivery)
            }
        }
        let rows = Dictionary(evidence.feed.map { ($0.event, $0) }) { first, _ in first }
        var known: Set<String> = []
        for (delivery, attempts) in Dictionary(grouping: attempts, by: \.delivery) {
            known.insert(delivery)
            let ends = attempts.filter { $0.verdict != "retrying" }
            // The same attempt made again, after its worker died, ends the same delivery again; see `checkRequests`.
            if Set(ends.map { "\($0.number) \($0.verdict)" }).count > 1 {
                findings.add("delivery ended twice", "\(delivery): \(ends.map(\.verdict).joined(separator: ", "))")
            }
            let isDead = ends.contains { $0.verdict == "dead" }
            if isDead != (byDelivery[delivery] != nil) {
                findings.add("dead letters", "\(delivery): \(isDead ? "no letter" : "a letter, and no such end")")
            }
            if attempts.contains(where: { rows[$0.event].map(endpoint.matches) != true && !$0.isRequested }) {
                findings.add("delivery of what does not match", delivery)
            }
        }
        for letter in letters {
            if !known.contains(letter.delivery) {
                findings.add("dead letters", "\(letter.delivery): the audit knows no such delivery")
            }
            if rows[letter.event]?.envelope != letter.payload {
                findings.add("dead letters", "\(letter.delivery): other bytes than the feed's")
            }
        }
    }

    /// Every request is an attempt that the audit knows, of an event on the feed, with its bytes, and signed.
    mutating func checkRequests(_ endpoint: DeliveryEvidence.Endpoint) {
        let envelopes = Dictionary(evidence.feed.map { ($0.event, $0.envelope) }) { first, _ in first }
        let attempts = evidence.attempts.filter { $0.endpoint == endpoint.id }
        var audited: [AttemptKey: Int] = [:]
        for attempt in attempts { audited[AttemptKey(attempt.delivery, attempt.number), default: 0] += 1 }
        var ids: [String: Set<String>] = [:]
        var received: [AttemptKey: Int] = [:]
        let verifier = (try? SigningSecret(endpoint.secret)).map {
            DeliveryVerifier(secrets: [$0], tolerance: Self.signatureAge)
        }
        for request in endpoint.requests {
            guard let event = request.header("X-IC-Event-Id"), let delivery = request.header("X-IC-Delivery-Id"),
                let number = request.header("X-IC-Attempt").flatMap({ Int($0) })
            else {
                findings.add("request without its headers", request.headerLines.joined(separator: ", "))
                continue
            }
            received[AttemptKey(delivery, number), default: 0] += 1
            ids[delivery, default: []].insert(event)
            if request.header("webhook-id") != event || request.header("X-IC-Webhook-Id") != endpoint.id {
                findings.add("request with the ids of another", delivery)
            }
            if envelopes[event] == nil { findings.add("sent and not on the feed", event) }
            if let envelope = envelopes[event], envelope != request.body {
                findings.add("sent with other bytes than the feed's", event)
            }
            if let fault = signatureFault(request, verifier) { findings.add("signature", "\(delivery): \(fault)") }
        }
        for (delivery, events) in ids where events.count > 1 {
            findings.add("one delivery id, several events", "\(delivery): \(events.sorted().joined(separator: ", "))")
        }
        for (key, count) in received {
            let text = "\(key.delivery) attempt \(key.number)"
            if audited[key] == nil { findings.unaudited.append(text) }
            findings.duplicates += Array(repeating: text, count: count - 1)
        }
        for attempt in attempts where attempt.status != nil {
            let key = AttemptKey(attempt.delivery, attempt.number)
            if received[key] == nil { findings.unseen.append("\(attempt.delivery) attempt \(attempt.number)") }
        }
        for attempt in attempts where attempt.verdict == "delivered" && attempt.status.map({ $0 / 100 == 2 }) != true {
            findings.add("delivered without 2xx", "\(attempt.delivery): \(attempt.status ?? 0)")
        }
        for (key, count) in audited where key.number > 0 && count > max(1, received[key] ?? 0) {
            findings.add("attempt twice in the audit", "\(key.delivery) attempt \(key.number)")
        }
        checkOrder(endpoint, attempts)
    }

    /// Nothing is sent after a delivery's end; attempts count up by one.
    private mutating func checkOrder(_ endpoint: DeliveryEvidence.Endpoint, _ attempts: [DeliveryEvidence.Attempt]) {
        for (delivery, attempts) in Dictionary(grouping: attempts, by: \.delivery) {
            let numbers = attempts.filter { $0.status != nil || $0.errorClass != nil }.map(\.number).sorted()
            if let last = numbers.last, Set(numbers) != Set(1...last) {
                findings.add("attempts are missing", "\(delivery): \(numbers)")
            }
            if let end = attempts.first(where: { $0.verdict != "retrying" }), let last = numbers.last, last > end.number
            {
                findings.add("sent after the end", "\(delivery): \(end.verdict) by attempt \(end.number), then \(last)")
            }
        }
    }

    private func signatureFault(_ request: ReceivedRequest, _ verifier: DeliveryVerifier?) -> String? {
        guard let verifier else { return "the webhook's secret is none" }
        guard let header = request.header("X-IC-Signature"), let id = request.header("webhook-id"),
            let timestamp = request.header("webhook-timestamp"), let standard = request.header("webhook-signature")
        else { return "there is none" }
        do {
            try verifier.verify(header: header, body: request.body, now: SystemClock().now())
            try verifier.verify(
                id: id, timestamp: timestamp, signature: standard, body: request.body, now: SystemClock().now())
            return nil
        } catch {
            return "\(error)"
        }
    }
}

private struct AttemptKey: Hashable {
    let delivery: String
    let number: Int

    init(_ delivery: String, _ number: Int) {
        self.delivery = delivery
        self.number = number
    }
}
