import Observability
import Synchronization
import Testing

@Suite struct MetricsRegistryTests {
    private let registry = MetricsRegistry()

    private func text() -> String {
        var bytes: [UInt8] = []
        registry.render(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a family has one head and its series below it`() {
        let refused = registry.counter("f_refused_total", "Refused.", labels: [("reason", "depth")])
        registry.gauge("f_waiting", "Waiting.").set(2.5)
        registry.counter("f_refused_total", "Refused.", labels: [("reason", "size"), ("door", "v1")]).increment(by: 7)
        refused.increment()
        #expect(
            text() == """
                # HELP f_refused_total Refused.
                # TYPE f_refused_total counter
                f_refused_total{reason="depth"} 1
                f_refused_total{reason="size",door="v1"} 7
                # HELP f_waiting Waiting.
                # TYPE f_waiting gauge
                f_waiting 2.5

                """)
    }

    @Test func `the same name and labels give the same instrument`() {
        let first = registry.counter("a_total", "A.", labels: [("x", "1")])
        #expect(first === registry.counter("a_total", "A.", labels: [("x", "1")]))
        #expect(first !== registry.counter("a_total", "A.", labels: [("x", "2")]))
        let buckets = [0.1, 1]
        #expect(registry.histogram("h", "H.", buckets: buckets) === registry.histogram("h", "H.", buckets: buckets))
    }

    @Test func `label values and help texts are escaped`() {
        registry.counter("a_total", "back\\slash\nfeed \"quoted\"", labels: [("x", "q\"b\\n\nü")]).increment()
        #expect(
            text() == #"""
                # HELP a_total back\\slash\nfeed "quoted"
                # TYPE a_total counter
                a_total{x="q\"b\\n\nü"} 1

                """#)
    }

    @Test func `a histogram's buckets are cumulative and inclusive`() {
        let histogram = registry.histogram("h_seconds", "H.", buckets: [0.005, 0.25, 1], labels: [("l", "v")])
        for value in [0.0, 0.005, 0.25, 0.5, 1, 40] { histogram.observe(value) }
        histogram.observe(0.5, count: 4)
        #expect(
            text() == """
                # HELP h_seconds H.
                # TYPE h_seconds histogram
                h_seconds_bucket{l="v",le="0.005"} 2
                h_seconds_bucket{l="v",le="0.25"} 3
                h_seconds_bucket{l="v",le="1"} 9
                h_seconds_bucket{l="v",le="+Inf"} 10
                h_seconds_sum{l="v"} 43.755
                h_seconds_count{l="v"} 10

                """)
    }

    @Test func `observed values are read when rendered, and the last reader wins`() {
        let value = Mutex(1.0)
        registry.observedGauge("g", "G.") { value.withLock { $0 } }
        registry.observedCounter("c_total", "C.", labels: [("p", "0")]) { 5 }
        value.withLock { $0 = .nan }
        #expect(text().contains("\ng NaN\n"))
        #expect(text().contains("c_total{p=\"0\"} 5\n"))
        registry.observedGauge("g", "G.") { -.infinity }
        #expect(text().contains("\ng -Inf\n"))
    }

    @Test func `a reader may use the registry`() {
        registry.observedGauge("g", "G.") { [registry] in Double(registry.counter("a_total", "A.").value) }
        #expect(text().contains("\ng 0\n"))
    }

    @Test func `nothing is lost when many count at once`() async {
        let counter = registry.counter("a_total", "A.")
        let gauge = registry.gauge("g", "G.")
        let histogram = registry.histogram("h", "H.", buckets: [1])
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5_000 {
                        counter.increment()
                        gauge.add(0.5)
                        histogram.observe(2)
                    }
                }
            }
        }
        #expect(counter.value == 40_000)
        #expect(gauge.value == 20_000)
        #expect(histogram.sum == 80_000)
        #expect(histogram.count == 40_000)
    }

    @Test func `misuse stops the program`() async {
        await #expect(processExitsWith: .failure) {
            let registry = MetricsRegistry()
            _ = registry.counter("a", "A.")
            _ = registry.gauge("a", "A.")
        }
        await #expect(processExitsWith: .failure) { _ = MetricsRegistry().counter("a-b", "A.") }
        await #expect(processExitsWith: .failure) {
            _ = MetricsRegistry().histogram("a", "A.", buckets: [1, 1])
        }
    }
}
