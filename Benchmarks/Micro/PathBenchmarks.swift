internal import EventCodec
internal import JSONPath

/// What the matcher pays for a webhook's filter, once the envelope is at hand.
struct PathBenchmarks {
    private let envelope = Array(
        """
        {"v":1,"id":"evt_01J0000000000000000000000A","type":"invoice.paid","created_at":"2026-06-11T08:00:00.000Z",\
        "tenant_id":"ten_01J0000000000000000000000A","smith_id":null,"data":{"amount":1250.5,"currency":"EUR",\
        "customer":{"id":"cus_77","name":"ACME GmbH","country":"DE"},"branch":"release/7.2","labels":[{"name":"urgent"},\
        {"name":"finance"}],"lines":[{"sku":"A-1","n":3},{"sku":"B-7","n":1}],"note":"The invoice was matched with the \
        order; two lines differ by 0.4 % and were sent for approval.","parent":null}}
        """.utf8)

    func run(_ harness: inout Harness) throws {
        let comparison = try JSONFilter("$.data.amount > 1000 && $.data.currency == 'EUR'")
        let nested = try JSONFilter("$.data.labels[?@.name == 'urgent']")
        let regexp = try JSONFilter("match($.data.branch, 'release/[0-9]+\\\\.[0-9]+')")
        let outline = try JSONOutline(envelope)
        harness.measure("outline an envelope of \(envelope.count) bytes", limit: 10_000) {
            consume(try? JSONOutline(envelope))
        }
        harness.measure("judge a filter of two comparisons", limit: 10_000) {
            consume(try? comparison.matches(outline))
        }
        harness.measure("judge a filter of objects in a list") { consume(try? nested.matches(outline)) }
        harness.measure("judge a filter with a regular expression") { consume(try? regexp.matches(outline)) }
        harness.measure("parse a filter") {
            consume(try? JSONFilter("$.data.amount > 1000 && $.data.currency == 'EUR'"))
        }
    }
}
