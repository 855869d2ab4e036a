internal import Observability

/// What the resolver counts.
struct ResolverMetrics: Sendable {
    private let succeeded: Counter
    private let notFound: Counter
    private let failed: Counter
    private let seconds: Histogram

    init(_ registry: MetricsRegistry) {
        func counter(_ result: String) -> Counter {
            registry.counter(
                "fanfare_dns_lookups_total", "Look-ups of names, by result.", labels: [("result", result)])
        }
        succeeded = counter("found")
        notFound = counter("not_found")
        failed = counter("failed")
        seconds = registry.histogram(
            "fanfare_dns_lookup_seconds", "How long look-ups took.", buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 5])
    }

    func count(_ result: Result<[IPAddress], ResolveError>, took duration: Duration) {
        switch result {
        case .success: succeeded.increment()
        case .failure(let error) where error.code == .notFound: notFound.increment()
        case .failure: failed.increment()
        }
        seconds.observe(Double(duration.wholeMicroseconds) / 1_000_000)
    }
}
