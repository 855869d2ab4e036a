internal import Database

/// A partition and the epoch under which the caller holds it: a call under an older epoch writes nothing.
public struct OwnedPart: Hashable, Sendable {
    public var part: Int
    public var epoch: Int64

    public init(part: Int, epoch: Int64) {
        self.part = part
        self.epoch = epoch
    }
}

/// Where a partition stands, as taking it tells.
public struct PartPosition: Hashable, Sendable {
    public var part: Int
    public var epoch: Int64
    /// The next log offset to store or project (Kafka).
    public var stored: Int64
    /// Every row of the part with `pos` up to here has its deliveries.
    public var fanned: Int64
    /// Every lane row of the part with `seq` up to here is done (Postgres).
    public var settled: Int64

    public init(part: Int, epoch: Int64, stored: Int64, fanned: Int64, settled: Int64) {
        self.part = part
        self.epoch = epoch
        self.stored = stored
        self.fanned = fanned
        self.settled = settled
    }
}

extension Parameters {
    /// Two arrays: the parts and their epochs.
    mutating func add(owned: [OwnedPart]) {
        addArray(of: .int32, reservingBytes: owned.count * 8) { for part in owned { $0.append(Int32(part.part)) } }
        addArray(of: .int64, reservingBytes: owned.count * 12) { for part in owned { $0.append(part.epoch) } }
    }

    mutating func add(parts: [Int]) {
        addArray(of: .int32, reservingBytes: parts.count * 8) { for part in parts { $0.append(Int32(part)) } }
    }

    /// Seconds, for `make_interval(secs => …)`.
    mutating func add(interval: Duration) {
        let (seconds, attoseconds) = interval.components
        add(Double(seconds) + Double(attoseconds) * 1e-18)
    }
}

extension Rows {
    /// An `int[]`; NULL is empty.
    func parts(_ row: Int, _ column: Int) -> [Int] {
        var parts: [Int] = []
        forEachElement(row, column) { bytes in
            guard let bytes, bytes.count == 4 else { preconditionFailure("part numbers are int and not null") }
            parts.append(Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))))
        }
        return parts
    }
}
