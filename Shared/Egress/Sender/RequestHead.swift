/// Writes the whole head of a request but for its method, for `CURLOPT_REQUEST_TARGET`.
///
/// libcurl 7.88 prints the head byte by byte through its own printf, which was half of all instructions that a POST cost
/// in user space, and copies the target in one piece. So the head goes where the target goes:
///
///     /path HTTP/1.1⏎ Host: …⏎ X-IC-Event-Id: …⏎ …⏎ Content-Length: …⏎ User-Agent: Fanfare/1.0
///
/// libcurl writes the method before it and ` HTTP/1.1⏎⏎` and the body behind it, so the last line is one whose value may
/// end in `HTTP/1.1`: a product token like any other in `User-Agent` (RFC 9110 §10.1.5). Header lines that libcurl would
/// add by itself are suppressed; `SenderWireTests` holds the exact bytes.
struct RequestHead {
    private var buffer = CBuffer(capacity: 2048)
    private var bytes: [UInt8] = []
    private let ending: [UInt8]

    init(userAgent: String) {
        ending = Array("\r\nUser-Agent: \(userAgent)".utf8)
        bytes.reserveCapacity(2048)
    }

    /// Valid until the next `set`; libcurl copies it.
    var text: UnsafePointer<CChar> { UnsafePointer(buffer.text) }

    /// - Parameter bodyLength: nil if the request has no body.
    mutating func set(target: TargetURL.Parts, headers: HeaderBlock, bodyLength: Int?) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: target.headStart)
        if !headers.isEmpty {
            bytes.append(0x0D)
            bytes.append(0x0A)
            bytes.append(contentsOf: headers.bytes)
        }
        if let bodyLength {
            bytes.append(contentsOf: Self.contentLength)
            appendDecimal(bodyLength)
        }
        bytes.append(contentsOf: ending)
        buffer.set(bytes)
    }

    private mutating func appendDecimal(_ number: Int) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    func deallocate() {
        buffer.deallocate()
    }

    private static let contentLength = Array("\r\nContent-Length: ".utf8)
}
