extension TenantID {
    /// The partition of the `events` topic that carries this tenant. It is another once partitions have grown: events of
    /// before stay where they are, so nobody may conclude from a tenant where its events lie.
    public func partition(of count: Int) -> Int {
        var hash = StableHash()
        for byte in text.utf8 { hash.mix(UInt64(byte)) }
        return Int(hash.value % UInt64(count))
    }
}

extension Identifier where Kind == EndpointKind {
    /// The delivery lane that carries this endpoint: whoever owns the lane, and nobody else, sends to the endpoint. What
    /// waits for it moves along when lanes grow.
    public func lane(of count: Int) -> Int {
        var hash = StableHash()
        hash.mix(ulid.high)
        hash.mix(ulid.low)
        return Int(hash.value % UInt64(count))
    }
}
