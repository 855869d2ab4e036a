import EventCodec
import JSONPath
import Testing

/// Conditions on an envelope, as a webhook's filter is one.
@Suite struct FilterTests {
    private static let envelope = """
        {"v":1,"id":"evt_01","type":"invoice.paid","created_at":"2026-01-02T03:04:05.000Z","tenant_id":"ten_1",\
        "smith_id":null,"data":{"amount":1250.5,"id":9007199254740993,"currency":"EUR","branch":"release/7",\
        "labels":[{"name":"urgent"},{"name":"n\\u00e9w"}],"a\\"b":true,"dup":1,"dup":2}}
        """

    private func holds(_ filter: String) throws -> Bool {
        try JSONFilter(filter).matches(JSONOutline(Array(Self.envelope.utf8)))
    }

    @Test(arguments: [
        ("$.data.amount > 1000", true), ("$.data.amount > 1000 && $.data.currency == 'EUR'", true),
        ("$.data.amount > 1000 && $.data.currency == 'USD' || $.type == 'invoice.paid'", true),
        ("!($.data.currency == 'EUR')", false), ("$.data.labels[?@.name == 'urgent']", true),
        ("$.data.labels[?@.name == 'new']", false), ("$.data.labels[?@.name == 'néw']", true),
        ("match($.data.branch, 'release/.*')", true), ("!match($.data.branch, 'release/.*')", false),
        ("search($.data.branch, '[0-9]')", true), ("match($.data.branch, '(')", false), ("$.smith_id == null", true),
        ("$.smith_id", true), ("$.data.nothing", false), ("!$.data.nothing", true), ("@.data", true),
        ("  $.data  ", true), ("count($.data.labels[*]) == 2", true), ("length($.data.labels) >= 2", true),
        ("length($.data.labels[1].name) == 3", true), ("$.data['a\"b'] == true", true), ("$.data.dup == 2", true),
        ("$.data.id == 9007199254740993", true), ("$.data.id == 9007199254740992", false),
        ("$.data.amount < 'x'", false), ("$.data.amount != 'x'", true),
    ])
    func `a filter is a condition on the document`(filter: String, expected: Bool) throws {
        #expect(try holds(filter) == expected, "\(filter)")
    }

    @Test(arguments: [
        "", " ", "true", "1 == ", "$.a = 1", "$.a == 1 &&", "'a'", "$.a == $.b[*]", "length($.a)", "data.a",
    ])
    func `what is no condition is refused`(filter: String) {
        #expect(throws: JSONPathError.self, "\(filter)") { try JSONFilter(filter) }
    }
}
