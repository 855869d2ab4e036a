internal import CRdKafka
internal import Glibc
internal import Observability

/// What every client does with the events that are not its data: its own log lines, errors, statistics.
struct ClientEvents: Sendable {
    let log: Logger
    let metrics: ClientMetrics
    /// A cluster that is away is told of many times a second.
    private let limited: LimitedLogger

    init(log: Logger, metrics: ClientMetrics) {
        self.log = log
        self.metrics = metrics
        limited = log.limited()
    }

    static let handled = Int32(RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS)

    /// - Returns: true when the client is broken for good and must be replaced.
    func handle(_ event: OpaquePointer, of type: Int32) -> Bool {
        switch type {
        case Int32(RD_KAFKA_EVENT_LOG):
            writeLog(event)
        case Int32(RD_KAFKA_EVENT_STATS):
            if let text = rd_kafka_event_stats(event) {
                metrics.update(fromStatistics: UnsafeRawBufferPointer(start: text, count: strlen(text)))
            }
        case Int32(RD_KAFKA_EVENT_ERROR):
            return writeError(event)
        default:
            break
        }
        return false
    }

    private func writeError(_ event: OpaquePointer) -> Bool {
        let error = rd_kafka_event_error(event)
        let isFatal = rd_kafka_event_error_is_fatal(event) != 0 || error == RD_KAFKA_RESP_ERR__FATAL
        metrics.errors.increment()
        let words = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? ""
        if isFatal {
            log.error("kafka client failed for good", ["error": .string(name(of: error)), "text": .string(words)])
        } else {
            limited.warning("kafka client error", ["error": .string(name(of: error)), "text": .string(words)])
        }
        return isFatal
    }

    private func writeLog(_ event: OpaquePointer) {
        var facility: UnsafePointer<CChar>?
        var words: UnsafePointer<CChar>?
        var level: Int32 = 6
        guard rd_kafka_event_log(event, &facility, &words, &level) == 0, let facility, let words else { return }
        let fields: KeyValuePairs<String, LogValue> = [
            "facility": .string(String(cString: facility)), "text": .string(String(cString: words)),
        ]
        // syslog's levels: 0-3 error and worse, 4 warning, 5-6 notice and info, 7 debug. A lost connection is level 3
        // to librdkafka although it reconnects by itself, so nothing of it is more than a warning here.
        switch level {
        case ...4: limited.warning("librdkafka", fields)
        case 5, 6: limited.info("librdkafka", fields)
        default: log.debug("librdkafka", fields)
        }
    }
}
