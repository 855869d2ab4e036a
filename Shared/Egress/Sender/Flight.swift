internal import CCurl

/// One easy handle and the exchange that it carries; used again and again by the thread that made it.
///
/// Settings that stay are made once; what changes is compared with what the handle has, since most exchanges go where
/// the last one went.
final class Flight {
    let easy: UnsafeMutableRawPointer
    unowned let worker: EgressWorker
    /// Where in its lane's list of flights it stands while it flies.
    var slot = -1

    // What the exchange is.
    private(set) var pending: PendingExchange?
    /// The address that this try is pinned to, and those that are left.
    private(set) var pinned = IPAddress(v4: 0)
    private var pinnedText: [CChar] = [0]
    private var otherAddresses: ArraySlice<IPAddress> = []
    /// Whether the name has several addresses.
    private(set) var hasAlternatives = false

    // What happened to it.
    var requestsSent = 0
    var wasRefused = false
    var wasWithheld = false
    var openedConnection = false
    var answer = AnswerReader()

    // What the handle is set to.
    private var target: TargetURL.Parts?
    private var method: Exchange.Method?
    private var timeout: Int = -1
    private var connectTimeout: Int = -1
    private var connectTo: String?
    private var tls: TLSOptions?
    private var bodyAddress: UnsafeMutablePointer<CChar>?
    private var bodyCount = -1
    private var body = CBuffer(capacity: 1024)
    private var route = CBuffer(capacity: 96)
    private let errorText: UnsafeMutablePointer<CChar>
    private let url: OpaquePointer
    private let routeNode: UnsafeMutablePointer<curl_slist>

    init?(worker: EgressWorker) {
        guard let easy = curl_easy_init() else { return nil }
        guard let url = curl_url() else {
            curl_easy_cleanup(easy)
            return nil
        }
        self.url = url
        self.easy = easy
        self.worker = worker
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText[0] = 0
        routeNode = .allocate(capacity: 1)
        routeNode.initialize(to: curl_slist(data: nil, next: nil))
        configure()
    }

    deinit {
        // The list is ours: libcurl must not see it any more when it goes.
        curl_set_pointer(easy, CURLOPT_CONNECT_TO, nil)
        curl_easy_cleanup(easy)
        curl_url_cleanup(url)
        errorText.deallocate()
        routeNode.deallocate()
        body.deallocate()
        route.deallocate()
    }

    /// What never changes.
    private func configure() {
        let own = Unmanaged.passUnretained(self).toOpaque()
        let settings = worker.settings
        curl_set_pointer(easy, CURLOPT_PRIVATE, own)
        curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // Servers that answer before they have read the body break HTTP/2 streams; and it is no cheaper here.
        curl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        curl_set_pointer(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        // Nor a proxy of the environment's, which would connect to what we cannot judge.
        curl_set_pointer(easy, CURLOPT_PROXY, "")
        // Addresses come from our own resolver, pinned for each exchange.
        curl_set_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0)
        curl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        curl_set_long(easy, CURLOPT_MAXAGE_CONN, settings.idleSeconds)
        curl_set_long(easy, CURLOPT_MAXLIFETIME_CONN, settings.connectionLifetimeSeconds)
        curl_set_long(easy, CURLOPT_BUFFERSIZE, settings.receiveBufferBytes)
        // Taken for each request over TLS; the least that libcurl allows.
        curl_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16 * 1024)
        curl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        // With Debian's default folder, the whole bundle is parsed for every connection: 19 ms each.
        curl_set_pointer(easy, CURLOPT_CAPATH, nil)
        curl_set_pointer(easy, CURLOPT_CAINFO, settings.authoritiesFile)
        curl_set_write_function(easy, flightReceivesBody)
        curl_set_pointer(easy, CURLOPT_WRITEDATA, own)
        curl_set_header_function(easy, flightReceivesHeader)
        curl_set_pointer(easy, CURLOPT_HEADERDATA, own)
        curl_set_open_socket_function(easy, flightOpensSocket)
        curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, own)
        curl_set_close_socket_function(easy, workerClosesSocket)
        curl_set_pointer(easy, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(worker).toOpaque())
        curl_set_prereq_function(easy, flightIsAboutToSend)
        curl_set_pointer(easy, CURLOPT_PREREQDATA, own)
        curl_set_pointer(easy, CURLOPT_HTTPHEADER, CurlLibrary.suppressedHeaders)
    }

    /// Whether the handle last went there, which makes it the cheapest one to go there again.
    func lastWent(to target: TargetURL) -> Bool { self.target === target.parts }

    /// Sets the handle to an exchange and its first address.
    func board(_ pending: PendingExchange, addresses: ArraySlice<IPAddress>) {
        let exchange = pending.exchange
        set(exchange.method, body: exchange.body)
        worker.head.set(
            target: exchange.target.parts, headers: exchange.headers, bodyLength: bodyCount < 0 ? nil : bodyCount)
        curl_set_pointer(easy, CURLOPT_REQUEST_TARGET, worker.head.text)
        set(exchange.tls)
        if target !== exchange.target.parts {
            target = exchange.target.parts
            // The path is in the head. Given as a parsed URL, since libcurl would parse and print a text each time.
            curl_url_set(url, CURLUPART_URL, exchange.target.parts.origin, 0)
            curl_set_pointer(easy, CURLOPT_CURLU, UnsafeRawPointer(url))
        }
        answer.begin(exchange)
        requestsSent = 0
        wasWithheld = false
        self.pending = pending
        otherAddresses = addresses
        hasAlternatives = addresses.count > 1
        _ = takeNextAddress()
    }

    /// Pins the next try to the next address; false if none is left.
    func takeNextAddress() -> Bool {
        guard let address = otherAddresses.popFirst(), let pending else { return false }
        if address != pinned || pinnedText.count <= 1 {
            pinned = address
            pinnedText = Array(address.description.utf8CString)
        }
        wasRefused = false
        openedConnection = false
        errorText[0] = 0
        // An address is its own pin; a name is pinned so that libcurl neither looks it up nor takes another address.
        setRoute(to: pending.exchange.target.host, address: address, port: pending.exchange.target.port)
        setTimeouts(left: pending.millisecondsLeft(now: worker.now))
        return true
    }

    private func setRoute(to host: TargetURL.Host, address: IPAddress, port: UInt16) {
        guard case .name = host else {
            if connectTo != nil {
                curl_set_pointer(easy, CURLOPT_CONNECT_TO, nil)
                connectTo = nil
            }
            return
        }
        let wanted = "::\(address.urlHost):\(port)"
        guard connectTo != wanted else { return }
        connectTo = wanted
        route.set(Array(wanted.utf8))
        routeNode.pointee.data = route.text
        curl_set_pointer(easy, CURLOPT_CONNECT_TO, routeNode)
    }

    /// Milliseconds; 0 is no limit. While other addresses are left, a dead one may not use up the time.
    private func setTimeouts(left: Int) {
        if timeout != left {
            timeout = left
            curl_set_long(easy, CURLOPT_TIMEOUT_MS, left)
        }
        let wanted = otherAddresses.isEmpty ? worker.connectTimeout : worker.connectTimeoutWithAlternatives
        if connectTimeout != wanted {
            connectTimeout = wanted
            curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, wanted)
        }
    }

    private func set(_ method: Exchange.Method, body bytes: [UInt8]) {
        let carriesBody = method == .post || method == .put || method == .patch || !bytes.isEmpty
        if self.method != method || (carriesBody && bodyCount < 0) || (!carriesBody && bodyCount >= 0) {
            self.method = method
            bodyCount = -1
            bodyAddress = nil
            curl_set_long(easy, CURLOPT_NOBODY, 0)
            curl_set_long(easy, carriesBody ? CURLOPT_POST : CURLOPT_HTTPGET, 1)
            if method == .head { curl_set_long(easy, CURLOPT_NOBODY, 1) }
            let isNatural = carriesBody ? method == .post : method == .get || method == .head
            curl_set_pointer(easy, CURLOPT_CUSTOMREQUEST, isNatural ? nil : method.rawValue)
        }
        guard carriesBody else { return }
        body.set(bytes)
        if bodyAddress != body.text {
            bodyAddress = body.text
            curl_set_pointer(easy, CURLOPT_POSTFIELDS, body.text)
        }
        if bodyCount != bytes.count {
            bodyCount = bytes.count
            curl_set_long(easy, CURLOPT_POSTFIELDSIZE, bytes.count)
        }
    }

    private func set(_ options: TLSOptions?) {
        guard tls !== options else { return }
        tls = options
        setBlob(CURLOPT_SSLCERT_BLOB, options?.certificate ?? [])
        setBlob(CURLOPT_SSLKEY_BLOB, options?.key ?? [])
        let authorities = options?.authorities ?? []
        setBlob(CURLOPT_CAINFO_BLOB, authorities)
        curl_set_pointer(easy, CURLOPT_CAINFO, authorities.isEmpty ? worker.settings.authoritiesFile : nil)
    }

    private func setBlob(_ option: CURLoption, _ bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            curl_set_pointer(easy, option, nil)
            return
        }
        var copy = bytes
        copy.withUnsafeMutableBytes { _ = curl_set_blob(easy, option, $0.baseAddress, $0.count) }
    }

    /// Whether this is the address that the exchange was judged by.
    func isPinned(to text: UnsafePointer<CChar>) -> Bool {
        var index = 0
        while index < pinnedText.count, pinnedText[index] == text[index] {
            if text[index] == 0 { return true }
            index += 1
        }
        // The system may spell an IPv6 address in another way.
        return IPAddress(String(cString: text)) == pinned
    }

    /// What libcurl tells at the end. Read before the handle leaves its multi handle.
    func ending(_ code: CURLcode) -> CurlEnding {
        var ending = CurlEnding(code: code)
        ending.wasSent = requestsSent > 0
        ending.wouldResend = requestsSent > 1
        ending.wasRefused = wasRefused && !ending.wouldResend
        ending.wasWithheld = wasWithheld
        ending.wasTooLarge = answer.isTooLarge
        ending.hasWholeHead = answer.hasWholeHead
        ending.wasMalformed = answer.isMalformed
        guard code != CURLE_OK else { return ending }
        ending.isTLS = target?.scheme == .https
        ending.systemError = curl_get_long(easy, CURLINFO_OS_ERRNO)
        ending.connected = Int64(curl_get_offset(easy, CURLINFO_CONNECT_TIME_T))
        ending.secured = Int64(curl_get_offset(easy, CURLINFO_APPCONNECT_TIME_T))
        if code == CURLE_RECV_ERROR {
            let text = String(cString: errorText)
            ending.saysTooLarge = text.hasPrefix("Too large")
            ending.tlsFault = text.contains("alert") ? .alert : text.contains("SSL") ? .broken : .none
        }
        return ending
    }

    /// The result of the exchange, which leaves the flight with it.
    func land(_ outcome: ExchangeResult.Outcome, code: CURLcode?) -> ExchangeResult {
        guard let pending else { preconditionFailure("a flight without an exchange has landed") }
        var result = ExchangeResult(token: pending.exchange.token, outcome: outcome)
        result.mayHaveBeenDelivered = requestsSent > 0
        result.wasWithheld = wasWithheld
        result.status = answer.status == 0 ? nil : answer.status
        result.bodyBytes = answer.bodyBytes
        (result.responseHeaders, result.responseHead) = answer.take()
        result.isConnectionReused = !openedConnection && requestsSent > 0
        if requestsSent > 0 || openedConnection { result.peer = pinned }
        result.timings.dns = pending.lookupMicroseconds
        if openedConnection {
            result.timings.connect = Int64(curl_get_offset(easy, CURLINFO_CONNECT_TIME_T))
            let secured = Int64(curl_get_offset(easy, CURLINFO_APPCONNECT_TIME_T))
            result.timings.tls = max(0, secured - result.timings.connect)
        }
        if answer.status != 0 {
            result.timings.firstByte = answer.firstByteAt - pending.started
        }
        result.timings.total = MonotonicTime.now() - pending.started
        if case .failure(let failure) = outcome {
            result.detail = detail(of: failure, code: code)
        }
        self.pending = nil
        return result
    }

    private func detail(of failure: ExchangeResult.FailureClass, code: CURLcode?) -> String {
        switch failure {
        case .refusedByPolicy: return "the address is not allowed"
        case .tooLarge: return "the answer is too large"
        case .cancelled: return "cancelled"
        case .reset where requestsSent > 1: return "the connection ended before an answer; the request is not repeated"
        default:
            let text = String(cString: errorText)
            return text.isEmpty ? code.map { String(cString: curl_easy_strerror($0)) } ?? "" : text
        }
    }
}
