internal import EventModel

/// The worker's limits. Bounds are per process; endpoints belong to one process at a time.
public struct DispatchPolicy: Sendable {
    /// POSTs under way in the process.
    public var inFlight = 1_024
    /// POSTs under way to one endpoint.
    public var inFlightPerEndpoint = 64
    /// Records of one endpoint that may wait in memory; what is beyond goes to the companions. An eighth of the window.
    public var waitingPerEndpoint = 512
    /// An endpoint keeps up while its records wait no longer than this in memory, in microseconds …
    public var longestWait: Int64 = 1_000_000
    /// … and one of them was started within this, in microseconds.
    public var longestGap: Int64 = 200_000
    /// How long after another endpoint's last record one counts as alone, in microseconds.
    public var companyMemory: Int64 = 30_000_000
    /// How long what was sent to the companions for want of room stays there, in microseconds.
    public var postponement: Int64 = 1_000_000
    /// How fast postponed records of one endpoint come back at least, so that a recovered endpoint is not run over, per
    /// second; one that takes more gets as many as it takes.
    public var returnRate: Int64 = 200
    /// The greatest age of a delivery, in seconds; then it is a dead letter `expired`.
    public var greatestAge: Int64 = 72 * 3_600
    /// Failures in a row that open an endpoint's breaker.
    public var breakerFailures = 10
    /// Microseconds between probes of an open breaker.
    public var breakerProbeInterval: Int64 = 30_000_000

    public init() {}

    var breaker: Breaker.Policy { Breaker.Policy(failures: breakerFailures, probeInterval: breakerProbeInterval) }
}
