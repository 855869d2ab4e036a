/// Records to be produced together, in one buffer: no allocation a record, one pass into librdkafka.
///
/// Order within a partition is the order of appending. Encoders write straight into the buffer:
///
///     var batch = KafkaBatch()
///     batch.append(topic: "events", partition: 3, key: tenant) { bytes in envelope.encode(into: &bytes) }
///     let receipts = try await producer.produce(batch)
public struct KafkaBatch: Sendable {
    struct Entry: Sendable {
        var topic: Int32
        var partition: Int32
        var start: Int
        var keyLength: Int32
        var valueLength: Int
        var firstHeader: Int32
        var headerCount: Int32
    }

    struct Header: Sendable {
        var name: String
        var start: Int
        var length: Int
    }

    private(set) var bytes: [UInt8] = []
    private(set) var entries: [Entry] = []
    private(set) var topics: [String] = []
    private(set) var headers: [Header] = []

    public init() {}

    /// Room for `records` of `bytes` in all.
    public init(records: Int, bytes: Int) {
        entries.reserveCapacity(records)
        self.bytes.reserveCapacity(bytes)
    }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    /// Bytes of keys, values and headers.
    public var byteCount: Int { bytes.count }

    /// Appends a record whose value is what `write` adds to the buffer.
    ///
    /// - Parameters:
    ///   - key: kept with the record; it does not choose the partition (see `KafkaPartitioner`).
    ///   - headers: cost an allocation each on both sides: keep them off hot paths.
    ///   - write: may only append.
    public mutating func append(
        topic: String, partition: Int32, key: some Collection<UInt8>, headers: [KafkaHeader] = [],
        value write: (inout [UInt8]) -> Void
    ) {
        let start = bytes.count
        bytes.append(contentsOf: key)
        let valueStart = bytes.count
        write(&bytes)
        precondition(bytes.count >= valueStart, "a record's encoder may only append")
        var entry = Entry(
            topic: index(of: topic), partition: partition, start: start, keyLength: Int32(valueStart - start),
            valueLength: bytes.count - valueStart, firstHeader: Int32(self.headers.count),
            headerCount: Int32(headers.count))
        for header in headers {
            self.headers.append(Header(name: header.name, start: bytes.count, length: header.value.count))
            bytes.append(contentsOf: header.value)
        }
        entry.headerCount = Int32(headers.count)
        entries.append(entry)
    }

    /// Appends a record whose value is at hand.
    public mutating func append(
        topic: String, partition: Int32, key: some Collection<UInt8> = EmptyCollection<UInt8>(),
        headers: [KafkaHeader] = [], value: some Collection<UInt8>
    ) {
        append(topic: topic, partition: partition, key: key, headers: headers) { $0.append(contentsOf: value) }
    }

    /// Topics of a batch are one or two: a scan from the end is the fastest look-up there is.
    private mutating func index(of topic: String) -> Int32 {
        if let found = topics.lastIndex(of: topic) { return Int32(found) }
        topics.append(topic)
        return Int32(topics.count - 1)
    }
}

/// A record's header: a name and bytes.
public struct KafkaHeader: Hashable, Sendable {
    public let name: String
    public let value: [UInt8]

    public init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }
}
