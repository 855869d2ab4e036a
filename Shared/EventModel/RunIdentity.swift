extension Identifier where Kind == RunKind {
    /// The id of the run that `event` starts for `cause` (a role of a workspace, a trigger): the same in every process and
    /// after every repeat, so that an event starts it once. Its first 64 bits are the event's.
    public init(event: EventID, cause: String) {
        var hash = StableHash(seed: 0xD1B5_4A32_D192_ED03)
        hash.mix(event.ulid.high)
        hash.mix(event.ulid.low)
        for byte in cause.utf8 { hash.mix(UInt64(byte)) }
        self.init(Ulid(high: event.ulid.high, low: hash.value))
    }
}

extension Identifier where Kind == ChatKind {
    /// The id of the chat that is made with a run.
    public init(run: RunID) {
        var hash = StableHash(seed: 0x8CB9_2BA7_2F3D_8DD7)
        hash.mix(run.ulid.high)
        hash.mix(run.ulid.low)
        self.init(Ulid(high: run.ulid.high, low: hash.value))
    }
}
