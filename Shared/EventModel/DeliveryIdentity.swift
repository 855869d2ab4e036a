extension Identifier where Kind == DeliveryKind {
    /// The id of the delivery of `event` to `endpoint` for `cause`: the same for every attempt, relocation and repeat,
    /// in every process.
    ///
    /// Its first 64 bits are the event's, so that an index over deliveries finds all of an event's and needs none of its
    /// own for that; the rest is a hash.
    public init(event: EventID, endpoint: EndpointID, cause: Cause) {
        var hash = StableHash(seed: 0x9E37_79B9_7F4A_7C15)
        hash.mix(event.ulid.high)
        hash.mix(event.ulid.low)
        hash.mix(endpoint.ulid.high)
        hash.mix(endpoint.ulid.low)
        if cause != .live {
            for byte in cause.description.utf8 { hash.mix(UInt64(byte)) }
        }
        self.init(Ulid(high: event.ulid.high, low: hash.value))
    }
}

/// A hash that is the same in every process and release: partitions and ids are derived from it, so it never changes.
/// Not for secrets and not for tables that strangers can fill.
public struct StableHash: Sendable {
    private var state: UInt64

    public init(seed: UInt64 = 0) {
        state = seed
    }

    /// Takes in eight bytes (the finaliser of splitmix64 over the running state).
    public mutating func mix(_ word: UInt64) {
        var mixed = (state ^ word) &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        state = mixed ^ (mixed >> 31)
    }

    public var value: UInt64 { state }
}
