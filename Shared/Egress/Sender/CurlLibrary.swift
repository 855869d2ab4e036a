internal import CCurl

/// What libcurl needs once a process.
enum CurlLibrary {
    /// Must be touched before the first thread that uses libcurl starts.
    static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// The header list of every request: without a value, libcurl leaves the line out that it would add by itself. All
    /// lines are in `RequestHead`; `Expect` would make a large body wait for `100 Continue`.
    ///
    /// Immutable and never freed, so all threads share it.
    nonisolated(unsafe) static let suppressedHeaders: UnsafeMutablePointer<curl_slist> = {
        var next: UnsafeMutablePointer<curl_slist>?
        for line in ["Host:", "Content-Length:", "Content-Type:", "Accept:", "Expect:"] {
            let text = UnsafeMutablePointer<CChar>.allocate(capacity: line.utf8.count + 1)
            for (index, byte) in line.utf8.enumerated() { text[index] = CChar(byte) }
            text[line.utf8.count] = 0
            let node = UnsafeMutablePointer<curl_slist>.allocate(capacity: 1)
            node.initialize(to: curl_slist(data: text, next: next))
            next = node
        }
        guard let next else { preconditionFailure("the list is not empty") }
        return next
    }()
}

/// Text at a stable address, reused from exchange to exchange: libcurl does not copy the bodies and header lists that
/// it is given.
struct CBuffer {
    /// What a buffer may keep between exchanges; larger ones are given back.
    private static let keptCapacity = 64 * 1024

    private(set) var text: UnsafeMutablePointer<CChar>
    private var capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        text = .allocate(capacity: capacity)
        text[0] = 0
    }

    /// Copies the bytes and ends them with NUL.
    mutating func set(_ bytes: [UInt8]) {
        if bytes.count >= capacity || capacity > Self.keptCapacity && bytes.count < Self.keptCapacity / 4 {
            text.deallocate()
            capacity = max(1024, (bytes.count + 1).nextPowerOf2)
            text = .allocate(capacity: capacity)
        }
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress {
                UnsafeMutableRawPointer(text).copyMemory(from: base, byteCount: source.count)
            }
        }
        text[bytes.count] = 0
    }

    func deallocate() {
        text.deallocate()
    }
}

extension Int {
    fileprivate var nextPowerOf2: Int { 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
