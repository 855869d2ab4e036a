import Testing

struct PromQLTests {
    @Test(arguments: [
        ("up == 0", ["up"]),
        (#"sum by (le) (rate(a_bucket{le="5",x=~"b c|d"}[$__rate_interval])) or vector(0)"#, ["a_bucket"]),
        ("histogram_quantile(0.99, sum by (le, statement) (rate(b_seconds_bucket[5m])))", ["b_seconds_bucket"]),
        ("predict_linear(c[6h], 4 * 86400) > on (instance) d and max(d) > 1.2e9", ["c", "d"]),
        ("fanfare:late:ratio_1h > 14.4 * 0.01", ["fanfare:late:ratio_1h"]),
        ("min_over_time((max by (service, pool) (e))[5m:30s]) > 0", ["e"]),
    ])
    func `the metrics of a query are found`(query: String, names: [String]) {
        #expect(PromQL.metrics(in: query) == Set(names))
    }
}
