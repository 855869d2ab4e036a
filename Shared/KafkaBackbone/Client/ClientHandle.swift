internal import CLinux
internal import CRdKafka
internal import Glibc
internal import Synchronization

/// librdkafka's client object and the queue that its events arrive on.
///
/// Unchecked because librdkafka documents its calls on a handle as thread-safe; what is left to us is that nobody calls
/// on a handle that is being destroyed. So every thread but the polling one goes through `withHandle`, and `destroy`
/// (polling thread only) turns newcomers away and waits for those inside.
final class ClientHandle: @unchecked Sendable {
    private struct Gate {
        var isClosed = false
        var isClosing = false
        var inside = 0
        /// The descriptor on which `destroy` waits for the last one inside, -1 when it does not.
        var lastOneOut: Int32 = -1
    }

    /// For the polling thread only; everyone else goes through `withHandle`.
    let client: OpaquePointer
    /// For the polling thread only.
    let queue: OpaquePointer
    /// Outlives the client, which holds its address.
    private let watch: JoinWatch?
    private let gate = Mutex(Gate())

    /// - Parameter type: `RD_KAFKA_PRODUCER` or `RD_KAFKA_CONSUMER`.
    init(
        _ type: rd_kafka_type_t, settings: [(String, String)], transport: [String: String], events: Int32,
        watch: JoinWatch? = nil
    )
        throws(KafkaError)
    {
        guard let configuration = rd_kafka_conf_new() else { throw KafkaError(.configuration, "no memory") }
        var reason = [CChar](repeating: 0, count: 512)
        // The caller's first: what this layer relies on wins.
        for (key, value) in transport.sorted(by: { $0.key < $1.key }) + settings
        where rd_kafka_conf_set(configuration, key, value, &reason, reason.count) != RD_KAFKA_CONF_OK {
            rd_kafka_conf_destroy(configuration)
            // The reason may repeat the value, and a value may be a password.
            throw KafkaError(.configuration, "the setting \(key) was refused")
        }
        rd_kafka_conf_set_events(configuration, events)
        watch?.install(in: configuration)
        guard let client = rd_kafka_new(type, configuration, &reason, reason.count) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaError(.configuration, text(of: reason))
        }
        self.client = client
        self.watch = watch
        if type == RD_KAFKA_CONSUMER { rd_kafka_poll_set_consumer(client) }
        queue = type == RD_KAFKA_CONSUMER ? rd_kafka_queue_get_consumer(client) : rd_kafka_queue_get_main(client)
        rd_kafka_set_log_queue(client, nil)
    }

    /// Calls on the handle from any thread; nil once it is being destroyed.
    func withHandle<Value>(_ call: (OpaquePointer) throws -> Value) rethrows -> Value? {
        let isOpen = gate.withLock { gate in
            if !gate.isClosed { gate.inside += 1 }
            return !gate.isClosed
        }
        guard isOpen else { return nil }
        defer {
            gate.withLock { gate in
                gate.inside -= 1
                if gate.inside == 0, gate.lastOneOut >= 0 { eventfd_write(gate.lastOneOut, 1) }
            }
        }
        return try call(client)
    }

    /// Makes the polling thread's wait return.
    func wakePoller() {
        _ = withHandle { _ in rd_kafka_queue_yield(queue) }
    }

    /// Asks the polling thread to end.
    func requestClose() {
        gate.withLock { $0.isClosing = true }
        wakePoller()
    }

    var isClosing: Bool { gate.withLock { $0.isClosing } }

    /// Polling thread only, and its last call.
    ///
    /// - Parameter release: lets go what belongs to the client, when nobody else calls on it any more.
    func destroy(flags: Int32 = 0, releasing release: () -> Void = {}) {
        let descriptor = gate.withLock { gate in
            gate.isClosed = true
            if gate.inside > 0 { gate.lastOneOut = eventfd(0, Int32(EFD_CLOEXEC)) }
            return gate.lastOneOut
        }
        if descriptor >= 0 {
            var count: UInt64 = 0
            while eventfd_read(descriptor, &count) != 0, errno == EINTR {}
            gate.withLock { $0.lastOneOut = -1 }
            close(descriptor)
        }
        release()
        rd_kafka_queue_destroy(queue)
        rd_kafka_destroy_flags(client, flags)
    }
}

/// A C string in a buffer that it may not fill.
func text(of buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// librdkafka's name of an error, like `_TIMED_OUT`; empty for success.
func name(of error: rd_kafka_resp_err_t) -> String {
    error == RD_KAFKA_RESP_ERR_NO_ERROR
        ? "" : rd_kafka_err2name(error).map { String(cString: $0) } ?? "\(error.rawValue)"
}
