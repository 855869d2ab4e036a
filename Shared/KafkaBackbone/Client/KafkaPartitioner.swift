/// Which partition a key belongs to: `(murmur2(key) & 0x7fffffff) mod n`, the rule of Kafka's Java client.
///
/// Partition counts are fixed at creation, so a key's partition is a fact that several processes rely on without asking:
/// it may never depend on a client's state. Java's rule is taken rather than one of our own because tools around Kafka
/// (and librdkafka's `murmur2` partitioner) then find the same partition.
public enum KafkaPartitioner {
    /// - Parameters:
    ///   - key: the record's key, any length.
    ///   - count: partitions of the topic, at least 1.
    public static func partition(of key: some Collection<UInt8>, count: Int) -> Int32 {
        precondition(count > 0, "a topic has at least one partition")
        let hash =
            key.withContiguousStorageIfAvailable { murmur2(UnsafeRawBufferPointer($0)) }
            ?? Array(key).withUnsafeBytes { murmur2($0) }
        return Int32((hash & 0x7fff_ffff) % UInt32(count))
    }

    /// Austin Appleby's MurmurHash2, 32 bits, with the seed that Kafka chose (org.apache.kafka.common.utils.Utils).
    static func murmur2(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let multiplier: UInt32 = 0x5bd1_e995
        var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
        var at = 0
        while at + 4 <= bytes.count {
            var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            word = word &* multiplier
            word ^= word >> 24
            word = word &* multiplier
            hash = (hash &* multiplier) ^ word
            at += 4
        }
        let rest = bytes.count - at
        if rest >= 3 { hash ^= UInt32(bytes[at + 2]) << 16 }
        if rest >= 2 { hash ^= UInt32(bytes[at + 1]) << 8 }
        if rest >= 1 {
            hash ^= UInt32(bytes[at])
            hash = hash &* multiplier
        }
        hash ^= hash >> 13
        hash = hash &* multiplier
        return hash ^ (hash >> 15)
    }
}
