/// Records that were fetched together, in one buffer; in order of offset within each partition.
public struct KafkaRecords: RandomAccessCollection, Sendable {
    let chunk: RecordChunk

    public var startIndex: Int { 0 }
    public var endIndex: Int { chunk.entries.count }
    public subscript(index: Int) -> KafkaMessage { KafkaMessage(chunk: chunk, index: index) }
    /// Bytes of the buffer that all records share; it lives as long as any of them, or a slice of one.
    public var byteCount: Int { chunk.bytes.count }
}

/// One record of the log. A small value that keeps its neighbours' bytes alive: copy what is kept for long.
public struct KafkaMessage: Sendable {
    let chunk: RecordChunk
    let index: Int

    public var claim: PartitionClaim { chunk.entries[index].claim }
    public var offset: Int64 { chunk.entries[index].offset }
    /// When the broker or the producer says that it was made, milliseconds since 1970; -1 unknown.
    public var timestamp: Int64 { chunk.entries[index].timestamp }
    public var key: ArraySlice<UInt8> { chunk.bytes[chunk.entries[index].key] }
    public var value: ArraySlice<UInt8> { chunk.bytes[chunk.entries[index].value] }
    public var headers: [KafkaHeader] {
        let first = chunk.entries[index].headers
        return first < 0 ? [] : chunk.headers[first]
    }

    /// Gives the value's bytes without a reference count; the pointer dies with the call.
    public func withValue<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let range = chunk.entries[index].value
        return try chunk.bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}

/// The storage of records.
final class RecordChunk: Sendable {
    struct Entry: Sendable {
        let claim: PartitionClaim
        let offset: Int64
        let timestamp: Int64
        let key: Range<Int>
        let value: Range<Int>
        /// Index into `headers`, -1 without any.
        let headers: Int
    }

    let bytes: [UInt8]
    let entries: [Entry]
    let headers: [[KafkaHeader]]

    init(bytes: [UInt8], entries: [Entry], headers: [[KafkaHeader]]) {
        self.bytes = bytes
        self.entries = entries
        self.headers = headers
    }

    /// What it costs to keep.
    var cost: Int { bytes.count + entries.count * MemoryLayout<Entry>.stride }

    /// The chunk without some entries, nil when none is left; itself when all are.
    func filtered(_ isKept: (Entry) -> Bool) -> RecordChunk? {
        if entries.allSatisfy(isKept) { return self }
        let kept = entries.filter(isKept)
        return kept.isEmpty ? nil : RecordChunk(bytes: bytes, entries: kept, headers: headers)
    }
}

/// A chunk in the making, on the polling thread.
struct ChunkBuilder {
    /// A chunk is handed on at this size: large enough to make hand-overs rare, small enough that one record which is
    /// kept for long does not keep much more than itself.
    static let fullSize = 64 << 10

    private var bytes: [UInt8] = []
    private var entries: [RecordChunk.Entry] = []
    private var headers: [[KafkaHeader]] = []
    private var lastWasFull = false

    var isEmpty: Bool { entries.isEmpty }
    var isFull: Bool { bytes.count >= Self.fullSize || entries.count >= 1024 }

    mutating func append(
        claim: PartitionClaim, offset: Int64, timestamp: Int64, key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer, headers: [KafkaHeader]
    ) {
        if entries.isEmpty, lastWasFull { bytes.reserveCapacity(Self.fullSize + value.count + key.count) }
        let keyStart = bytes.count
        bytes.append(contentsOf: key)
        let valueStart = bytes.count
        bytes.append(contentsOf: value)
        if !headers.isEmpty { self.headers.append(headers) }
        entries.append(
            RecordChunk.Entry(
                claim: claim, offset: offset, timestamp: timestamp, key: keyStart..<valueStart,
                value: valueStart..<bytes.count, headers: headers.isEmpty ? -1 : self.headers.count - 1))
    }

    mutating func take() -> RecordChunk {
        lastWasFull = isFull
        let chunk = RecordChunk(bytes: bytes, entries: entries, headers: headers)
        bytes = []
        entries = []
        headers = []
        return chunk
    }
}
