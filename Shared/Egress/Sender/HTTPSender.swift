internal import CLinux
internal import Glibc
public import Observability
internal import Synchronization

/// Sends HTTP requests from threads of its own (`egress-0…`), each an epoll and several libcurl multi handles.
///
/// An endpoint belongs to one thread and one pool. Every attempt judges all addresses of its target and is pinned to
/// one of them; nothing is followed, repeated or decompressed. Exchanges go in and come out in batches: one lock and one
/// wake-up for each. At most `Settings.capacity` exchanges are inside; more are turned away.
///
/// ```swift
/// let sender = HTTPSender(policy: policy, resolver: resolver, metrics: metrics) { results in … }
/// sender.submit([Exchange(token: 1, target: url, headers: headers, body: bytes)])
/// …
/// sender.stop()
/// ```
public final class HTTPSender: Sendable {
    public struct Settings: Sendable {
        /// Egress threads.
        public var threads = 1
        /// Multi handles a thread: an endpoint uses one, and pays for the connections of all endpoints on it.
        public var lanesPerThread = 16
        /// Idle connections that a lane keeps.
        public var idleConnectionsPerLane = 64
        /// How long an unused connection is kept, in seconds.
        public var idleSeconds = 60
        /// How long a connection is used, in seconds: receivers move, and their balancers should see us again.
        public var connectionLifetimeSeconds = 900
        /// Time for a connection with its TLS handshake, in milliseconds.
        public var connectTimeoutMilliseconds = 10_000
        /// The same while other addresses of the name are left to try.
        public var connectTimeoutWithAlternativesMilliseconds = 2_000
        /// libcurl's buffer for answers: small ones come out of the allocator's cache (1024–524288).
        public var receiveBufferBytes = 1024
        /// PEM file of the CAs that are trusted.
        public var authoritiesFile = "/etc/ssl/certs/ca-certificates.crt"
        /// What we call ourselves: one product of `User-Agent`; the sender adds `HTTP/1.1` to it.
        public var userAgent = "Fanfare/1.0"
        /// Exchanges inside the sender.
        public var capacity = 16_384
        /// What it refuses is not sent and ends as cancelled, marked `wasWithheld`; nil: everything goes.
        public var maySend: Permission?

        public init() {}
    }

    /// Called on an egress thread, once a turn of its loop, with all exchanges that ended in it. It must not block, and
    /// must not call `stop`.
    public typealias Completion = @Sendable ([ExchangeResult]) -> Void

    /// Called on an egress thread at the last moment before a request's first byte, which may be long after it was
    /// submitted: a name was looked up, a connection made, or the whole process stopped. It must not block.
    public typealias Permission = @Sendable (Exchange.Claim) -> Bool

    private let shared: SenderShared
    private let inboxes: [SenderInbox]
    private let threads: Mutex<[OwnedThread]>

    /// Starts the threads.
    public init(
        settings: Settings = Settings(), policy: AddressPolicy, resolver: Resolver, metrics: MetricsRegistry,
        onCompletion: @escaping Completion
    ) {
        precondition(CurlLibrary.isReady, "libcurl cannot be initialised")
        precondition(settings.userAgent.utf8.allSatisfy { 0x21...0x7E ~= $0 }, "a product has no spaces")
        precondition(settings.threads > 0 && settings.lanesPerThread > 0, "a sender needs a thread and a lane")
        let shared = SenderShared(
            settings: settings, policy: policy, resolver: resolver, metrics: SenderMetrics(metrics),
            completion: onCompletion)
        let inboxes = (0..<settings.threads).map { _ in SenderInbox() }
        self.shared = shared
        self.inboxes = inboxes
        self.threads = Mutex(
            inboxes.enumerated().map { number, inbox in
                OwnedThread(name: "egress-\(number)") {
                    HTTPSender.ignoreBrokenPipes()
                    EgressWorker(shared: shared, inbox: inbox).run()
                }
            })
    }

    deinit {
        stop()
    }

    /// Exchanges that were taken and have not ended.
    public var inFlight: Int { shared.inFlight.load(ordering: .relaxed) }

    /// Takes a batch; each exchange ends in exactly one result.
    ///
    /// - Returns: false if it took none of them: the sender was stopped, or has no room for all of them.
    public func submit(_ batch: [Exchange]) -> Bool {
        guard !batch.isEmpty else { return true }
        guard shared.admit(batch.count) else { return false }
        if inboxes.count == 1 { return put(batch, into: 0) }
        var parts = [[Exchange]](repeating: [], count: inboxes.count)
        for exchange in batch {
            parts[exchange.target.parts.threadHash % inboxes.count].append(exchange)
        }
        // A stop in between may find some parts taken: what it did not find is answered here.
        var refused: [Exchange] = []
        for (index, part) in parts.enumerated() where !part.isEmpty && !inboxes[index].put(submitted: part) {
            refused.append(contentsOf: part)
        }
        guard refused.count < batch.count else {
            shared.release(batch.count)
            return false
        }
        if !refused.isEmpty {
            shared.ended(refused.map { ExchangeResult(token: $0.token, outcome: .failure(.cancelled)) })
        }
        return true
    }

    private func put(_ batch: [Exchange], into index: Int) -> Bool {
        guard inboxes[index].put(submitted: batch) else {
            shared.release(batch.count)
            return false
        }
        return true
    }

    /// Ends an exchange as cancelled, if it has not ended yet.
    public func cancel(_ token: UInt64) {
        for inbox in inboxes { inbox.put(cancelled: token) }
    }

    /// Ends all exchanges as cancelled, closes the connections and waits for the threads. More calls do nothing.
    public func stop() {
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for inbox in inboxes { inbox.stop() }
        for thread in threads { thread.join() }
    }

    /// OpenSSL writes without MSG_NOSIGNAL; a signal that is blocked on this thread stays pending for ever.
    private static func ignoreBrokenPipes() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

/// What the threads of a sender share.
final class SenderShared: Sendable {
    let settings: HTTPSender.Settings
    let policy: AddressPolicy
    let resolver: Resolver
    let metrics: SenderMetrics
    let inFlight = Atomic<Int>(0)
    private let completion: HTTPSender.Completion

    init(
        settings: HTTPSender.Settings, policy: AddressPolicy, resolver: Resolver, metrics: SenderMetrics,
        completion: @escaping HTTPSender.Completion
    ) {
        self.settings = settings
        self.policy = policy
        self.resolver = resolver
        self.metrics = metrics
        self.completion = completion
    }

    func admit(_ count: Int) -> Bool {
        let total = inFlight.wrappingAdd(count, ordering: .relaxed).newValue
        guard total <= settings.capacity else {
            release(count)
            return false
        }
        return true
    }

    func release(_ count: Int) {
        inFlight.wrappingSubtract(count, ordering: .relaxed)
    }

    func ended(_ results: [ExchangeResult]) {
        release(results.count)
        completion(results)
    }
}
