internal import Crypto
public import EventModel

extension Identifier {
    /// A new identifier of this moment with 80 random bits: nobody guesses one. For single things that are made by hand;
    /// events have `EventIDMaker`, which asks for random bytes in batches.
    public static func make(at now: Timestamp) -> Identifier {
        Identifier(Ulid.random(at: now))
    }
}

extension Ulid {
    /// 48 bits of `now` and 80 random bits.
    public static func random(at now: Timestamp) -> Ulid {
        let random = SecureRandom.bytes(10)
        var high: UInt16 = 0
        var low: UInt64 = 0
        for byte in random[..<2] { high = high << 8 | UInt16(byte) }
        for byte in random[2...] { low = low << 8 | UInt64(byte) }
        return Ulid(milliseconds: UInt64(max(0, now.milliseconds)), randomHigh: high, randomLow: low)
    }
}
