/// The figures that we keep of librdkafka's statistics document (its STATISTICS.md), found by one pass over its bytes.
///
/// The document has a block a partition, so decoding it into a tree would cost more than everything else that happens
/// in an idle client.
struct ClientStatistics: Equatable {
    /// `msg_cnt`: records in the client's queues.
    var queuedRecords = 0
    /// The largest `brokers.*.rtt.p99`, microseconds.
    var slowestRoundTrip = 0
    /// The sum of `brokers.*.req_timeouts`.
    var requestTimeouts = 0
    /// The sum of `brokers.*.disconnects`.
    var disconnects = 0
    /// `tx_bytes` and `rx_bytes`.
    var transmitted = 0
    var received = 0
    /// `topics.*.partitions.*.hi_offset`, where it is known.
    var ends: [TopicPartition: Int64] = [:]

    mutating func read(_ document: UnsafeRawBufferPointer) {
        var path: [ArraySlice<UInt8>] = []
        var name: Range<Int> = 0..<0
        var at = 0
        let bytes = document
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                let start = at + 1
                at = start
                while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
                    at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
                }
                if at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: ":") || bytes[at + 1] == UInt8(ascii: " ") {
                    name = start..<at
                }
            case UInt8(ascii: "{"):
                path.append(ArraySlice(bytes[name]))
                name = 0..<0
            case UInt8(ascii: "}"):
                if !path.isEmpty { path.removeLast() }
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let isNegative = at > 0 && bytes[at - 1] == UInt8(ascii: "-")
                var value = 0
                while at < bytes.count, bytes[at] >= UInt8(ascii: "0"), bytes[at] <= UInt8(ascii: "9") {
                    value = value &* 10 &+ Int(bytes[at] - UInt8(ascii: "0"))
                    at += 1
                }
                if !isNegative { take(value, named: bytes[name], at: path) }
                continue
            default:
                break
            }
            at += 1
        }
    }

    private mutating func take(_ value: Int, named name: Slice<UnsafeRawBufferPointer>, at path: [ArraySlice<UInt8>]) {
        let inBrokers = path.count >= 3 && path[1].elementsEqual("brokers".utf8)
        if path.count == 1 {
            if name.elementsEqual("msg_cnt".utf8) { queuedRecords = value }
            if name.elementsEqual("tx_bytes".utf8) { transmitted = value }
            if name.elementsEqual("rx_bytes".utf8) { received = value }
        } else if path.count == 5, name.elementsEqual("hi_offset".utf8), path[1].elementsEqual("topics".utf8) {
            let topic = String(decoding: path[2], as: UTF8.self)
            if let partition = Int32(String(decoding: path[4], as: UTF8.self)) {
                ends[TopicPartition(topic, partition)] = Int64(value)
            }
        } else if inBrokers, path.count == 4, path[3].elementsEqual("rtt".utf8), name.elementsEqual("p99".utf8) {
            slowestRoundTrip = max(slowestRoundTrip, value)
        } else if inBrokers, path.count == 3, name.elementsEqual("req_timeouts".utf8) {
            requestTimeouts += value
        } else if inBrokers, path.count == 3, name.elementsEqual("disconnects".utf8) {
            disconnects += value
        }
    }
}
