internal import Encodings
public import EventModel

/// Makes identifiers: 48 bits of time and 80 bits that are random, or a hash for an event that has a key.
///
/// Random bytes are fetched many at a time, since a call of a secure generator costs about a microsecond. A value belongs
/// to one owner; copies would hand out the same identifiers, so it cannot be copied.
public struct EventIDMaker: ~Copyable, Sendable {
    /// Overwrites the whole array with unpredictable bytes.
    public typealias RandomBytes = @Sendable (inout [UInt8]) -> Void

    /// 100 identifiers.
    private static let batchByteCount = 1_000
    private static let bytesPerIdentifier = 10

    private let fill: RandomBytes
    private var batch: [UInt8] = []
    private var used = 0

    public init(random: @escaping RandomBytes) {
        self.fill = random
    }

    /// An identifier of this moment and 80 random bits.
    public mutating func ulid(at now: Timestamp) -> Ulid {
        if used + Self.bytesPerIdentifier > batch.count {
            if batch.isEmpty { batch = Array(repeating: 0, count: Self.batchByteCount) }
            fill(&batch)
            used = 0
        }
        var high: UInt16 = 0
        var low: UInt64 = 0
        for index in used..<(used + 2) { high = high << 8 | UInt16(batch[index]) }
        for index in (used + 2)..<(used + Self.bytesPerIdentifier) { low = low << 8 | UInt64(batch[index]) }
        used += Self.bytesPerIdentifier
        return Ulid(milliseconds: Self.milliseconds(now), randomHigh: high, randomLow: low)
    }

    /// An identifier of any kind, for example `let endpoint: EndpointID = maker.next(at: now)`.
    public mutating func next<Kind>(at now: Timestamp) -> Identifier<Kind> { Identifier(ulid(at: now)) }

    private static let millisecondsPerDay: UInt64 = 86_400_000

    /// The id of an event with a key: the UTC day of `now` and the first 80 bits of the key's hash, so that every process
    /// gives it the same id all day without asking anyone.
    public static func keyed(_ key: DedupeKey, at now: Timestamp) -> EventID {
        let milliseconds = milliseconds(now)
        return EventID(
            Ulid(
                milliseconds: milliseconds - milliseconds % millisecondsPerDay,
                randomHigh: UInt16(truncatingIfNeeded: key.high >> 48), randomLow: key.high << 16 | key.low >> 48))
    }

    /// 48 bits last until the year 10889; a clock before 1970 counts as 1970.
    private static func milliseconds(_ time: Timestamp) -> UInt64 {
        UInt64(max(0, time.milliseconds)) & 0xFFFF_FFFF_FFFF
    }
}

extension DedupeKey {
    /// The bytes over which a key's hash is taken (SHA-256, first 16 bytes): each field behind its length, so that no two
    /// different keys share them.
    /// - Parameters:
    ///   - door: Which entrance the key came through: keys of different doors never meet.
    ///   - index: The event's place in a batch whose header key stands for all of it; nil otherwise.
    public static func material(tenant: TenantID, door: StaticString, key: String, index: Int?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32 + tenant.text.utf8.count + door.utf8CodeUnitCount + key.utf8.count)
        bytes.append(ascii: "fanfare.dedupe.1")
        append(length: tenant.text.utf8.count, to: &bytes)
        bytes.append(contentsOf: tenant.text.utf8)
        append(length: door.utf8CodeUnitCount, to: &bytes)
        bytes.append(ascii: door)
        append(length: key.utf8.count, to: &bytes)
        bytes.append(contentsOf: key.utf8)
        // No length that a key can have follows here, so "no index" needs no mark of its own.
        if let index { append(length: index, to: &bytes) }
        return bytes
    }

    private static func append(length: Int, to bytes: inout [UInt8]) {
        let length = UInt32(length)
        for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
    }
}
