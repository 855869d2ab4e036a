import EventModel
import Testing

@Suite struct EventTypeTests {
    @Test(arguments: ["a", "run.completed", "A-Z_0-9.x", "a.b.c.d", String(repeating: "x", count: 128)])
    func `types pass`(text: String) {
        #expect(EventType(text)?.text == text)
    }

    @Test(arguments: [
        "", ".", "a.", ".a", "a..b", "a b", "a*", "*", "a.*", "é", "a/b", "a\n", String(repeating: "x", count: 129),
    ])
    func `other texts are refused`(text: String) {
        #expect(EventType(text) == nil)
        #expect(Array(text.utf8).withUnsafeBytes { EventType(utf8: $0) } == nil)
    }

    @Test(arguments: [
        ("slack", "slack", true), ("slack.install", "slack", true), ("slack.a.b", "slack.a", true),
        ("slackbot", "slack", false), ("slack", "slack.install", false), ("slack-x", "slack", false),
        ("a.b", "b", false),
    ])
    func `families are aligned at dots`(type: String, family: String, belongs: Bool) throws {
        #expect(try #require(EventType(type)).belongs(to: try #require(EventType(family))) == belongs)
    }
}

@Suite struct SubscriptionPatternTests {
    @Test(arguments: [
        ("*", "*"), ("slack", "slack"), ("slack.*", "slack"), ("slack.install", "slack.install"), ("a.b.*", "a.b"),
    ])
    func `patterns are normalised`(text: String, normal: String) throws {
        let pattern = try #require(SubscriptionPattern(text))
        #expect(pattern.description == normal)
        #expect(SubscriptionPattern(normal) == pattern)
    }

    @Test(arguments: ["", ".*", "**", "*.a", "a.*.b", "a*", "a.*.*", "a.", "a b"])
    func `other texts are refused`(text: String) {
        #expect(SubscriptionPattern(text) == nil)
    }

    @Test func `everything matches everything`() throws {
        let type = try #require(EventType("a.b"))
        #expect(SubscriptionPattern.everything.matches(type))
        #expect(SubscriptionFilter([]).matches(type))
        #expect(SubscriptionFilter([]).isEverything)
    }

    private func filter(_ texts: [String]) throws -> SubscriptionFilter {
        SubscriptionFilter(try texts.map { try #require(SubscriptionPattern($0)) })
    }

    @Test func `a filter keeps what no other pattern covers`() throws {
        #expect(
            try filter(["run.completed", "run", "run.*", "slack.install", "run-x", "slack.install"]).patterns
                .map(\.description) == ["run", "run-x", "slack.install"])
        #expect(try filter(["a", "a-b", "a.b", "a-b.c"]).patterns.map(\.description) == ["a", "a-b"])
        #expect(try filter(["a", "*"]).patterns == [.everything])
    }

    @Test func `a filter matches exactly or by family`() throws {
        let filter = try filter(["run.completed", "slack.*"])
        for (text, matches) in [
            ("run.completed", true), ("run.completed.late", true), ("run", false), ("run.failed", false),
            ("slack", true),
            ("slack.install", true), ("slackbot", false),
        ] {
            #expect(filter.matches(try #require(EventType(text))) == matches, "\(text)")
        }
    }
}

@Suite struct SmithIDTests {
    @Test(arguments: ["s", "smt_1", "a b", "é中🚀", "\u{A0}", String(repeating: "中", count: 64)])
    func `printable names pass`(text: String) {
        #expect(SmithID(text)?.text == text)
    }

    @Test(arguments: [
        "", "\n", "a\tb", "\u{7F}", "\u{85}", "\u{200E}", "\u{2028}", "\u{E000}", "\u{FFFF}", "\u{202E}x",
    ])
    func `others are refused`(text: String) {
        #expect(SmithID(text) == nil)
    }

    @Test func `names are counted and compared as they are stored`() throws {
        #expect(SmithID(String(repeating: "é", count: 65)) == nil)
        let composed = try #require(SmithID("\u{E9}"))
        let decomposed = try #require(SmithID("e\u{301}"))
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }
}
