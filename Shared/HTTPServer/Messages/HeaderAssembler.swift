/// Collects the header fields of one request and judges each; pure, so that every malformed head is tested without a socket.
///
/// The C library below accepts much that two parties can read differently (RFC 9112 §11.2, request smuggling): a
/// space before the colon, folded lines, control characters, two lengths. Everything of that kind is refused here.
struct HeaderAssembler {
    private var bytes: [UInt8] = []
    private var fields: [RequestHeaders.Field] = []
    /// The first fault found; later fields are ignored then.
    private(set) var fault: HTTPError?
    private var hosts = 0
    private var hostIsEmpty = false
    private var lengths = 0
    private var encodings = 0
    private var contentLength: Int?
    private var lengthOverflows = false
    private var isChunked = false
    private var expectation: Expectation = .none
    private var hasContentCoding = false

    enum Expectation { case none, `continue`, unknown }

    /// How the body is delimited, and what the client expects before it sends one.
    struct Framing {
        let contentLength: Int?
        let isChunked: Bool
        let expectation: Expectation
        /// Whether the body is compressed, which this server never undoes.
        let hasContentCoding: Bool
    }

    /// The fields in memory of exactly their size; this keeps its own for the next request.
    var headers: RequestHeaders {
        RequestHeaders(
            bytes: bytes.withUnsafeBufferPointer { Array($0) }, fields: fields.withUnsafeBufferPointer { Array($0) })
    }

    /// Forgets the request and keeps the memory.
    mutating func reset() {
        var next = HeaderAssembler()
        swap(&next.bytes, &bytes)
        swap(&next.fields, &fields)
        next.bytes.removeAll(keepingCapacity: true)
        next.fields.removeAll(keepingCapacity: true)
        self = next
    }

    mutating func add(name: [UInt8], value: [UInt8]) {
        name.withUnsafeBytes { name in
            value.withUnsafeBytes { value in add(name: name, value: value) }
        }
    }

    /// Takes one field as it arrived; blanks around the value are cut.
    mutating func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        guard fault == nil else { return }
        guard !name.isEmpty, name.allSatisfy(ASCII.isToken) else {
            fault = .malformed("a header name has characters that are not allowed")
            return
        }
        var value = value[...]
        while let first = value.first, first == ASCII.space || first == ASCII.tab { value.removeFirst() }
        while let last = value.last, last == ASCII.space || last == ASCII.tab { value.removeLast() }
        let start = bytes.count
        for byte in name { bytes.append(ASCII.lowercased(byte)) }
        for byte in value {
            guard byte >= ASCII.space && byte != ASCII.delete || byte == ASCII.tab else {
                fault = .malformed("a header value holds a control character")
                return
            }
        }
        bytes.append(contentsOf: value)
        fields.append(
            RequestHeaders.Field(
                start: UInt32(start), nameLength: UInt32(name.count), valueLength: UInt32(value.count)))
        judge(name: bytes[start..<start + name.count], value: bytes[(start + name.count)...])
    }

    /// Looks closer at the few fields that decide where the request ends.
    private mutating func judge(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
        switch name.count {
        case 4 where ASCII.equalIgnoringCase(name, "host"):
            hosts += 1
            hostIsEmpty = value.isEmpty
        case 6 where ASCII.equalIgnoringCase(name, "expect"):
            expectation = ASCII.equalIgnoringCase(value, "100-continue") ? .continue : .unknown
        case 14 where ASCII.equalIgnoringCase(name, "content-length"):
            lengths += 1
            readLength(value)
        case 16 where ASCII.equalIgnoringCase(name, "content-encoding"):
            if !ASCII.equalIgnoringCase(value, "identity") { hasContentCoding = true }
        case 17 where ASCII.equalIgnoringCase(name, "transfer-encoding"):
            encodings += 1
            isChunked = ASCII.equalIgnoringCase(value, "chunked")
            if !isChunked { fault = .malformed("the only transfer encoding is chunked") }
        default: break
        }
    }

    private mutating func readLength(_ value: ArraySlice<UInt8>) {
        guard !value.isEmpty, value.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else {
            fault = .malformed("Content-Length is not a number")
            return
        }
        var length = 0
        for digit in value {
            let (tenfold, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tenfold.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            if overflow || carry {
                contentLength = .max
                return
            }
            length = sum
        }
        contentLength = length
    }

    /// The verdict over the whole head.
    func framing(version: HTTPVersion) throws(HTTPError) -> Framing {
        if let fault { throw fault }
        guard hosts == 1, !hostIsEmpty else {
            throw .malformed(hosts > 1 ? "there is more than one Host header" : "the Host header is missing or empty")
        }
        guard lengths + encodings <= 1 else {
            throw .malformed("the length of the body is given twice (Content-Length, Transfer-Encoding)")
        }
        guard encodings == 0 || version == .http11 else {
            throw .malformed("HTTP/1.0 knows no Transfer-Encoding")
        }
        return Framing(
            contentLength: contentLength, isChunked: isChunked,
            // A client of HTTP/1.0 cannot expect anything (RFC 9110 §10.1.1).
            expectation: version == .http11 ? expectation : .none, hasContentCoding: hasContentCoding)
    }
}

extension HTTPError {
    /// 400 for a request that cannot be read one way only.
    static func malformed(_ message: String) -> HTTPError {
        HTTPError(status: 400, code: "malformed_request", message: message)
    }
}
