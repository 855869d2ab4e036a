/// Takes an answer in as it comes and keeps what is wanted of it: caps on headers and body, the status, the head of the
/// body. No libcurl in here.
struct AnswerReader {
    private(set) var status = 0
    private(set) var bodyBytes = 0
    private(set) var isTooLarge = false
    private(set) var isMalformed = false
    /// When the first status line came, by `MonotonicTime`.
    private(set) var firstByteAt: Int64 = 0

    private var limits = Exchange.Limits()
    private var onBody: (@Sendable (_ status: Int, _ piece: [UInt8]) -> Void)?
    private var headers: [UInt8] = []
    private var kept: [UInt8] = []
    private var headerBytes = 0
    private var isPastHeaders = false

    /// Whether the empty line after the headers was seen.
    var hasWholeHead: Bool { isPastHeaders }

    mutating func begin(_ exchange: Exchange) {
        self = AnswerReader()
        limits = exchange.limits
        onBody = exchange.onBody
    }

    /// Takes a status line, header line, empty line or trailer; false ends the exchange.
    mutating func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        // Interim answers and trailers count, or they could go on for ever.
        headerBytes += line.count
        guard headerBytes <= Int(limits.headerBytes) else {
            isTooLarge = true
            return false
        }
        if Self.isStatusLine(line) {
            if status == 0 { firstByteAt = MonotonicTime.now() }
            headers.removeAll(keepingCapacity: true)
            isPastHeaders = false
            status = Self.status(of: line)
            // A protocol that we never asked for; libcurl would wait for the deadline.
            isMalformed = status == 101 || !(100...999).contains(status)
            return !isMalformed
        }
        guard !isPastHeaders else { return true }
        guard line.count > 2 else {
            isPastHeaders = true
            return true
        }
        if headers.isEmpty { headers.reserveCapacity(256) }
        headers.append(contentsOf: line)
        return true
    }

    /// Whether it begins with `HTTP/`, which no header line does.
    private static func isStatusLine(_ line: UnsafeRawBufferPointer) -> Bool {
        line.count >= 5 && line[4] == UInt8(ascii: "/") && line[0] == UInt8(ascii: "H") && line[1] == UInt8(ascii: "T")
            && line[2] == UInt8(ascii: "T") && line[3] == UInt8(ascii: "P")
    }

    private static func status(of line: UnsafeRawBufferPointer) -> Int {
        guard let space = line.firstIndex(of: 0x20) else { return 0 }
        var status = 0
        for byte in line[(space + 1)...].prefix(3) {
            guard 0x30...0x39 ~= byte else { return 0 }
            status = status * 10 + Int(byte - 0x30)
        }
        return status
    }

    /// Takes a piece of the body; false ends the exchange.
    mutating func takeBody(_ piece: UnsafeRawBufferPointer) -> Bool {
        bodyBytes += piece.count
        if let onBody {
            onBody(status, Array(piece))
            return true
        }
        let isSuccess = (200..<300).contains(status)
        let room = Int(isSuccess ? limits.keptBytesOnSuccess : limits.keptBytes) - kept.count
        if room > 0 { kept.append(contentsOf: piece.prefix(room)) }
        isTooLarge = bodyBytes > Int(limits.bodyBytes)
        return !isTooLarge
    }

    /// Hands the headers and the kept body over.
    mutating func take() -> (headers: [UInt8], head: [UInt8]) {
        defer {
            headers = []
            kept = []
            onBody = nil
        }
        return (headers, kept)
    }
}
