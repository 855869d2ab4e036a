extension TenantID {
    /// The partition of the `events` topic that carries this tenant. Partition counts are fixed when an installation is
    /// made, so the answer never changes.
    public func partition(of count: Int) -> Int {
        var hash = StableHash()
        for byte in text.utf8 { hash.mix(UInt64(byte)) }
        return Int(hash.value % UInt64(count))
    }
}

extension Identifier where Kind == EndpointKind {
    /// The delivery lane that carries this endpoint: whoever owns the lane, and nobody else, sends to the endpoint.
    public func lane(of count: Int) -> Int {
        var hash = StableHash()
        hash.mix(ulid.high)
        hash.mix(ulid.low)
        return Int(hash.value % UInt64(count))
    }
}
