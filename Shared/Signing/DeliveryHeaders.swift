public import Crypto
internal import Encodings
public import EventModel

/// The header lines of a delivery (`contracts.md` §7), written straight to bytes.
///
/// Names keep exactly this case, because the published verifier looks them up with it. The lines stand in the order of their
/// lower-case names, which is the order that the audit's hash wants, so hashing them needs no sorting.
public struct DeliveryHeaders: Sendable {
    /// What an attempt's lines tell.
    public struct Attempt: Sendable {
        public var event: EventID
        public var type: EventType
        public var delivery: DeliveryID
        public var endpoint: EndpointID
        /// From 1.
        public var number: Int
        /// When this attempt is made, unix seconds; it is signed.
        public var timestamp: Int64
        /// W3C trace context; no line without one.
        public var traceparent: String?

        public init(
            event: EventID, type: EventType, delivery: DeliveryID, endpoint: EndpointID, number: Int, timestamp: Int64,
            traceparent: String? = nil
        ) {
            self.event = event
            self.type = type
            self.delivery = delivery
            self.endpoint = endpoint
            self.number = number
            self.timestamp = timestamp
            self.traceparent = traceparent
        }
    }

    private enum Field: CaseIterable {
        case contentType, userAgent, traceparent
        case webhookID, webhookTimestamp, webhookSignature
        case eventID, signature, eventType, deliveryID, endpointID, attempt
    }

    private struct Line {
        let field: Field
        /// `Name: `
        let start: [UInt8]
    }

    private let lines: [Line]
    private let userAgent: [UInt8]

    /// How many bytes the lines usually take: what a buffer should have room for.
    public static let usualByteCount = 768

    /// - Parameters:
    ///   - prefix: What our own headers begin with, `X-IC` by default: 1–32 characters of `A-Z a-z 0-9 -`.
    ///   - userAgent: Printable ASCII.
    /// - Throws: `invalidPrefix`.
    public init(prefix: String = "X-IC", userAgent: String) throws(SigningError) {
        let isName = prefix.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D: true
            default: false
            }
        }
        guard isName, (1...32).contains(prefix.utf8.count) else {
            throw SigningError(.invalidPrefix, "a header prefix is 1-32 characters of A-Z a-z 0-9 -")
        }
        guard prefix.lowercased() != "webhook" else {
            throw SigningError(.invalidPrefix, "the headers of Standard Webhooks begin with webhook")
        }
        precondition(userAgent.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a user agent is printable ASCII")
        self.userAgent = Array(userAgent.utf8)
        self.lines = Field.allCases
            .map { (field: $0, name: Self.name(of: $0, prefix)) }
            .sorted { "\($0.name):".lowercased() < "\($1.name):".lowercased() }
            .map { Line(field: $0.field, start: Array("\($0.name): ".utf8)) }
    }

    private static func name(of field: Field, _ prefix: String) -> String {
        switch field {
        case .contentType: "Content-Type"
        case .userAgent: "User-Agent"
        case .traceparent: "traceparent"
        case .webhookID: "webhook-id"
        case .webhookTimestamp: "webhook-timestamp"
        case .webhookSignature: "webhook-signature"
        case .eventID: "\(prefix)-Event-Id"
        case .signature: "\(prefix)-Signature"
        case .eventType: "\(prefix)-Event-Type"
        case .deliveryID: "\(prefix)-Delivery-Id"
        case .endpointID: "\(prefix)-Webhook-Id"
        case .attempt: "\(prefix)-Attempt"
        }
    }

    /// Appends `Name: value` lines with CR LF between them and none at the end.
    public func write(
        _ attempt: Attempt, body: Span<UInt8>, signer: DeliverySigner, to block: inout [UInt8]
    ) {
        var isFirst = true
        for line in lines where line.field != .traceparent || attempt.traceparent != nil {
            if !isFirst { block.append(ascii: "\r\n") }
            isFirst = false
            block.append(contentsOf: line.start)
            switch line.field {
            case .contentType: block.append(ascii: "application/json")
            case .userAgent: block.append(contentsOf: userAgent)
            case .traceparent: block.append(contentsOf: (attempt.traceparent ?? "").utf8)
            case .webhookID, .eventID: attempt.event.write(to: &block)
            case .webhookTimestamp: block.append(decimal: attempt.timestamp)
            case .webhookSignature:
                signer.appendStandardSignatures(
                    id: attempt.event, timestamp: attempt.timestamp, body: body, to: &block)
            case .signature: signer.appendHeaderSignature(timestamp: attempt.timestamp, body: body, to: &block)
            case .eventType: block.append(contentsOf: attempt.type.text.utf8)
            case .deliveryID: attempt.delivery.write(to: &block)
            case .endpointID: attempt.endpoint.write(to: &block)
            case .attempt: block.append(decimal: Int64(attempt.number))
            }
        }
    }

    private static let userAgentLine = Array("User-Agent: ".utf8)

    /// Takes the line out that the sender writes itself; the audit's hash covers it.
    public static func dropUserAgent(from lines: inout [UInt8]) {
        var start = 0
        while start < lines.count {
            let end = lines[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? lines.count
            if lines[start] == userAgentLine[0], lines[start..<end].starts(with: userAgentLine) {
                // The last line has no end of line: that of the one before it goes then.
                lines.removeSubrange(end == lines.count ? max(start - 2, 0)..<end : start..<end)
                return
            }
            start = end
        }
    }

    /// As `digest(of:)`, for lines that others have been put behind.
    public static func digest(unsorted block: [UInt8]) -> SHA256Digest {
        let lines = block.split(separator: 0x0A).map { line -> [UInt8] in
            let line = line.last == 0x0D ? line.dropLast() : line
            let colon = line.firstIndex(of: 0x3A) ?? line.endIndex
            let name = line[..<colon].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
            return name + [0x3A] + line[min(colon + 2, line.endIndex)...] + [0x0A]
        }
        return SHA256.hash(lines.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 })
    }

    /// The audit's `headers_sha256` of lines that `write` made: SHA-256 over `lower-name:value\n`, in the order of the names.
    public static func digest(of block: Span<UInt8>) -> SHA256Digest {
        var canonical: [UInt8] = []
        canonical.reserveCapacity(block.count + 1)
        block.withUnsafeBytes { block in
            var start = 0
            while start < block.count {
                let end = block[start...].firstIndex(of: 0x0D) ?? block.count
                let colon = block[start..<end].firstIndex(of: 0x3A) ?? end
                for byte in block[start..<colon] {
                    canonical.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
                }
                canonical.append(0x3A)
                // Past the colon and the one space behind it.
                canonical.append(contentsOf: block[min(colon + 2, end)..<end])
                canonical.append(0x0A)
                start = end + 2
            }
        }
        return SHA256.hash(canonical)
    }
}
