/// The one judge of every end-to-end and fault test: nothing acknowledged is lost, nothing is on the feed twice, the feed
/// has no hole, every delivery came to an end that the audit tells of, and what receivers saw is signed and explained.
public struct DeliveryChecker: Sendable {
    /// What a fault excuses.
    public struct Allowance: Sendable {
        /// Requests that may repeat an attempt that was under way when its sender was killed.
        public var duplicates: Int
        /// Requests that may lack their audit record, because a worker lost its lanes while they were under way.
        public var unaudited: Int
        /// Attempts with an answer of which the receiver knows nothing, such as those that a proxy answered.
        public var unseen: Int

        public init(duplicates: Int = 0, unaudited: Int = 0, unseen: Int = 0) {
            self.duplicates = duplicates
            self.unaudited = unaudited
            self.unseen = unseen
        }
    }

    let evidence: DeliveryEvidence
    let allowance: Allowance
    var findings = Findings()

    /// - Returns: One line a violation, the first few of each kind; empty when all is well.
    public static func findings(_ evidence: DeliveryEvidence, allowing allowance: Allowance = Allowance()) -> [String] {
        var checker = DeliveryChecker(evidence: evidence, allowance: allowance)
        checker.checkFeed()
        checker.checkAcknowledged()
        checker.checkPolled()
        for endpoint in evidence.endpoints {
            checker.checkEnds(endpoint)
            checker.checkRequests(endpoint)
        }
        checker.checkExcused()
        return checker.findings.lines
    }

    private init(evidence: DeliveryEvidence, allowance: Allowance) {
        self.evidence = evidence
        self.allowance = allowance
    }

    // MARK: The feed

    private mutating func checkFeed() {
        var seen: Set<String> = []
        var expected = evidence.oldestPosition
        for row in evidence.feed {
            if row.position != expected {
                findings.add("feed positions", "\(row.position) follows where \(expected) belongs")
            }
            expected = row.position + 1
            if !seen.insert(row.event).inserted { findings.add("event twice on the feed", row.event) }
        }
        if expected != evidence.nextPosition {
            findings.add("feed positions", "the rows end before \(expected), the head is at \(evidence.nextPosition)")
        }
    }

    private mutating func checkAcknowledged() {
        let rows = Dictionary(evidence.feed.map { ($0.event, $0) }) { first, _ in first }
        var byKey: [String: String] = [:]
        for one in evidence.acknowledged {
            if let key = one.key, let other = byKey.updateValue(one.event, forKey: key), other != one.event {
                findings.add("one key, two events", "\(key): \(other) and \(one.event)")
            }
            guard let row = rows[one.event] else {
                findings.add("acknowledged and not on the feed", one.event)
                continue
            }
            // `data` is the last member and stands there byte for byte.
            if let data = one.data,
                !row.envelope.reversed().starts(with: (Array(#""data":"#.utf8) + data + [0x7D]).reversed())
            {
                findings.add("other data than published", one.event)
            }
        }
    }

    private mutating func checkPolled() {
        let own = evidence.feed.filter { $0.tenant == evidence.tenant }.map(\.envelope)
        guard own != evidence.polled else { return }
        if own.count != evidence.polled.count {
            findings.add("paging", "\(evidence.polled.count) events were paged, \(own.count) are stored")
        }
        if let index = zip(own, evidence.polled).enumerated().first(where: { $1.0 != $1.1 })?.offset {
            findings.add("paging", "the event number \(index) that was paged is not the one that is stored there")
        }
    }

    private mutating func checkExcused() {
        let excused = [
            ("attempts repeated", findings.duplicates, allowance.duplicates),
            ("requests without audit record", findings.unaudited, allowance.unaudited),
            ("audit records without request", findings.unseen, allowance.unseen),
        ]
        for (kind, items, limit) in excused where items.count > limit {
            findings.add(
                kind, "\(items.count), at most \(limit) are excused: \(items.prefix(3).joined(separator: "; "))")
        }
    }
}

/// Violations, a few of each kind in words and the others counted.
struct Findings: Sendable {
    private static let shown = 3

    var duplicates: [String] = []
    var unaudited: [String] = []
    var unseen: [String] = []
    private var kinds: [String] = []
    private var texts: [String: [String]] = [:]

    mutating func add(_ kind: String, _ text: String) {
        if texts[kind] == nil { kinds.append(kind) }
        texts[kind, default: []].append(text)
    }

    var lines: [String] {
        kinds.flatMap { kind -> [String] in
            let all = texts[kind] ?? []
            let rest = all.count - Self.shown
            return all.prefix(Self.shown).map { "\(kind): \($0)" } + (rest > 0 ? ["\(kind): \(rest) more"] : [])
        }
    }
}
