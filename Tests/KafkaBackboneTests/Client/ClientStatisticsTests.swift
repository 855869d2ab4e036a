internal import Testing

@testable internal import KafkaBackbone

struct ClientStatisticsTests {
    private func read(_ text: String) -> ClientStatistics {
        var statistics = ClientStatistics()
        Array(text.utf8).withUnsafeBytes { statistics.read($0) }
        return statistics
    }

    @Test func `the few figures are found among the many`() {
        let found = read(
            #"""
            { "name": "rdkafka#producer-1", "msg_cnt":22710, "msg_size":704010, "tx_bytes": 12, "rx_bytes":34, "brokers":{
              "a:9092/2": { "name":"a:9092/2", "req_timeouts":3, "disconnects": 1, "rtt": { "min":1580, "p99":5000, "avg": 9 },
                "int_latency": { "p99": 999999 }, "toppars":{ "test-0": { "topic":"test", "msg_cnt": 5 } } },
              "b:9092/3": { "req_timeouts":4, "disconnects":2, "rtt": { "p99":7000 } } },
              "topics":{ "test": { "partitions":{ "0": { "disconnects": 50, "msgq_cnt":1, "lo_offset": 7, "hi_offset":4711 },
                "1": { "hi_offset": -1001 }, "-1": { "hi_offset": -1001 } } } } }
            """#)
        var expected = ClientStatistics()
        expected.queuedRecords = 22710
        expected.slowestRoundTrip = 7000
        expected.requestTimeouts = 7
        expected.disconnects = 3
        expected.transmitted = 12
        expected.received = 34
        expected.ends = [TopicPartition("test", 0): 4711]
        #expect(found == expected)
    }

    @Test(arguments: ["", "{", "}}}}", #"{"msg_cnt"#, #"{"a\"#, #"{"a":"\"#, "{\"brokers\":{", "[1,2", "\u{0}\u{0}"])
    func `a broken document is read without harm`(text: String) {
        _ = read(text)
    }
}
