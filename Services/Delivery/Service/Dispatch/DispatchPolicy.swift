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
    /// POSTs under way to an endpoint that has not shown yet that it answers; each success earns one more.
    public var firstInFlight = 16
    /// Whether endpoints may go to cursors: there is an engine that serves them.
    public var maySwitch = false
    /// Records that wait in memory for an endpoint whose breaker is open, before it goes to a cursor.
    public var waitingWhileOpen = 64
    /// How long a breaker may be open before what waits goes to a cursor, in microseconds.
    public var switchAfter: Int64 = 30_000_000
    /// How long a switch that failed is not tried again, in microseconds.
    public var switchPause: Int64 = 5_000_000
    /// What all endpoints together may keep waiting; the bound of each shrinks on the way there.
    public var waitingTotal = 2_048
    /// The share of `inFlight` that cursors may take while live records wait, in percent.
    public var cursorShare = 25
    /// What they may take while none waits, in percent: a live record always finds a place soon.
    public var cursorShareAlone = 75
    /// Events of cursors that end without a POST in one turn: an endpoint that was switched off does not crowd out others.
    public var cursorEnds = 64
    /// The greatest age of a delivery, in seconds; then it is a dead letter `expired`.
    public var greatestAge: Int64 = 72 * 3_600
    /// Failures in a row that open an endpoint's breaker.
    public var breakerFailures = 10
    /// Microseconds between probes of an open breaker.
    public var breakerProbeInterval: Int64 = 30_000_000

    public init() {}

    var breaker: Breaker.Policy { Breaker.Policy(failures: breakerFailures, probeInterval: breakerProbeInterval) }
}
