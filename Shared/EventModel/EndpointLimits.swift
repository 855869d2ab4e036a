/// What a tenant allows a webhook to be sent; nil: what the installation allows.
public struct EndpointLimits: Sendable, Hashable {
    /// Attempts a second, 0.01 to 100,000.
    public var ratePerSecond: Double?
    /// Attempts under way at a time, 1 to 10,000; never more than the installation's own cap.
    public var inFlight: Int?

    public init(ratePerSecond: Double? = nil, inFlight: Int? = nil) {
        self.ratePerSecond = ratePerSecond
        self.inFlight = inFlight
    }

    public var isUnlimited: Bool { ratePerSecond == nil && inFlight == nil }
}
