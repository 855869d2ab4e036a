internal import Testing

@testable internal import KafkaBackbone

struct KafkaPartitionerTests {
    // The values of org.apache.kafka.common.utils.UtilsTest.
    @Test(arguments: [
        ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ])
    func `the hash is that of Kafka's Java client`(key: String, hash: Int32) {
        #expect(Int32(bitPattern: Array(key.utf8).withUnsafeBytes { KafkaPartitioner.murmur2($0) }) == hash)
    }

    @Test func `any collection of bytes gives the same partition`() {
        let key = Array("ws_01hzy".utf8)
        let slice = ([1, 2] + key)[2...]
        for count in [1, 12, 48] {
            let partition = KafkaPartitioner.partition(of: key, count: count)
            #expect((0..<Int32(count)).contains(partition))
            #expect(KafkaPartitioner.partition(of: slice, count: count) == partition)
            #expect(KafkaPartitioner.partition(of: AnyCollection(key), count: count) == partition)
        }
    }
}
