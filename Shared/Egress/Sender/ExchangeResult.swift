/// How an exchange ended.
public struct ExchangeResult: Sendable {
    public enum Outcome: Sendable, Hashable {
        /// A complete answer with this status.
        case status(Int)
        case failure(FailureClass)
    }

    /// The classes of the audit; the raw value is their wire name.
    public enum FailureClass: String, Sendable, CaseIterable {
        /// No address for the name in time.
        case dns
        /// An address is forbidden; nothing was sent.
        case refusedByPolicy = "refused_by_policy"
        /// No connection.
        case connect
        /// The handshake failed, or the certificate is not trusted.
        case tls
        /// The time ended before a connection (and its handshake) stood.
        case timeoutConnect = "timeout_connect"
        /// The time ended later.
        case timeout
        /// The connection ended before the answer did.
        case reset
        /// The answer is larger than we read.
        case tooLarge = "too_large"
        /// The answer is not HTTP as we speak it.
        case protocolError = "protocol"
        /// By `cancel` or `stop`.
        case cancelled
    }

    /// In microseconds; phases that did not take place are 0.
    public struct Timings: Sendable {
        /// Waiting for the addresses.
        public var dns: Int64 = 0
        /// The TCP handshake.
        public var connect: Int64 = 0
        /// The TLS handshake.
        public var tls: Int64 = 0
        /// From the start of the exchange to the first byte of the answer.
        public var firstByte: Int64 = 0
        /// The whole exchange.
        public var total: Int64 = 0
    }

    public let token: UInt64
    public var outcome: Outcome
    /// The last status line that was read, also of an answer that then failed (`tooLarge`, `reset`…).
    public var status: Int?
    /// Whether `maySend` said no at the last moment; nothing was sent.
    public var wasWithheld = false
    /// Whether the receiver may have seen the request: false only if none of it was sent.
    public var mayHaveBeenDelivered = false
    public var timings = Timings()
    /// The header lines of the final answer as they came, each with its line end; capped.
    public var responseHeaders: [UInt8] = []
    /// The kept part of the body.
    public var responseHead: [UInt8] = []
    /// How much of the body was read.
    public var bodyBytes = 0
    /// Whom the exchange was connected to.
    public var peer: IPAddress?
    /// Whether the connection had served an earlier exchange.
    public var isConnectionReused = false
    /// For a person, on failure; without secrets.
    public var detail = ""

    init(token: UInt64, outcome: Outcome) {
        self.token = token
        self.outcome = outcome
    }

    public var failure: FailureClass? {
        if case .failure(let failure) = outcome { failure } else { nil }
    }

    /// The `Retry-After` header as it was sent.
    public var retryAfter: String? { header("retry-after") }

    /// The trimmed value of the first header of a name, in any case.
    ///
    /// - Parameter name: In lower case.
    public func header(_ name: StaticString) -> String? {
        let length = name.utf8CodeUnitCount
        for line in responseHeaders.split(separator: 0x0A) where line.count > length {
            let colon = line.startIndex + length
            guard line[colon] == UInt8(ascii: ":") else { continue }
            let matches = name.withUTF8Buffer { buffer in
                zip(line[..<colon], buffer).allSatisfy { (0x41...0x5A ~= $0 ? $0 | 0x20 : $0) == $1 }
            }
            guard matches else { continue }
            let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
            let last = value.lastIndex { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            return String(decoding: value[..<(last.map { $0 + 1 } ?? value.startIndex)], as: UTF8.self)
        }
        return nil
    }
}
