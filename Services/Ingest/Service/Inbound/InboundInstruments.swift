internal import EventModel
internal import Inbound
internal import Observability

/// Requests at doors by channel and verdict. Both sets are closed, so the instruments are made once.
struct InboundInstruments: Sendable {
    private let counters: [String: [InboundRecord.Verdict: Counter]]
    private let seconds: Histogram

    /// What is counted under a name that no sender chose.
    static let unknown = "unknown"

    init(_ registry: MetricsRegistry) {
        let names =
            InboundChannel.allCases.map(\.rawValue) + InboundPreset.allCases.map(\.rawValue) + [
                "generic", Self.unknown,
            ]
        var counters: [String: [InboundRecord.Verdict: Counter]] = [:]
        for name in names {
            for verdict in InboundRecord.Verdict.allCases {
                counters[name, default: [:]][verdict] = registry.counter(
                    "fanfare_inbound_requests_total", "Requests at doors by channel and verdict.",
                    labels: [("channel", name), ("verdict", verdict.rawValue)])
            }
        }
        self.counters = counters
        seconds = registry.histogram(
            "fanfare_inbound_verify_seconds", "Verifying one request: signature, decryption, names.",
            buckets: [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1])
    }

    func count(_ channel: String, _ verdict: InboundRecord.Verdict) {
        (counters[channel] ?? counters[Self.unknown])?[verdict]?.increment()
    }

    func verified(took: Duration) {
        seconds.observe(took / .seconds(1))
    }
}
