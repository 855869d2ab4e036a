import Observability
import TestSupport
import Testing

@Suite struct LoggerTests {
    private let sink = CapturingLogSink()

    private func logger(_ level: LogLevel = .debug) -> Logger {
        Logger(service: "fanfare-test", level: level, sink: sink, clock: { 1_780_000_000_123_456 })
    }

    @Test func `an entry is one JSON object with its fields in order`() {
        logger().info("listening", ["b": "x", "a": 1, "ratio": 0.5, "tls": false, "text": "n = \(7)"])
        #expect(
            sink.lines == [
                #"{"ts":"2026-05-28T20:26:40.123Z","level":"info","service":"fanfare-test","msg":"listening","#
                    + #""b":"x","a":1,"ratio":0.5,"tls":false,"text":"n = 7"}"#
            ])
    }

    @Test func `entries below the level are left out`() {
        let logger = logger(.warning)
        logger.debug("a")
        logger.info("b")
        logger.warning("c")
        logger.error("d")
        #expect(sink.lines.count == 2)
    }

    @Test func `the fields of a derived logger come before the entry's own`() throws {
        logger().with(["part": 3]).with(["epoch": 9]).error("lost", ["why": "lease"])
        let line = try #require(sink.lines.first)
        #expect(line.hasSuffix(#""msg":"lost","part":3,"epoch":9,"why":"lease"}"#))
    }

    @Test(arguments: [
        ("a\"b\\c", #"a\"b\\c"#), ("line\nfeed\r\t", #"line\nfeed\r\t"#), ("\u{0}\u{1F}\u{7F}", #"\u0000\u001f\u007f"#),
        ("grün 🎺", "grün 🎺"), ("", ""),
    ])
    func `strings are escaped`(_ value: String, _ escaped: String) throws {
        logger().info("m", ["v": .string(value)])
        #expect(try #require(sink.lines.first).hasSuffix("\"v\":\"\(escaped)\"}"))
    }

    @Test func `a long string is cut at a character's border`() throws {
        // The cut falls inside the last ü, whose first byte is the 4096th.
        let value = String(repeating: "a", count: 4095) + "ü" + String(repeating: "b", count: 10_000)
        logger().info("m", ["v": .string(value)])
        #expect(try #require(sink.lines.first).hasSuffix(String(repeating: "a", count: 4095) + "…\"}"))
    }

    @Test func `numbers that JSON does not know become strings`() throws {
        logger().info("m", ["inf": .double(.infinity), "nan": .double(.nan)])
        #expect(try #require(sink.lines.first).hasSuffix(#""inf":"inf","nan":"nan"}"#))
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_399_999_999, "2000-02-28T23:59:59.999Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
        (1_709_164_800_000_000, "2024-02-29T00:00:00.000Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
        (1_735_689_599_999_000, "2024-12-31T23:59:59.999Z"), (-62_135_596_800_000_000, "0001-01-01T00:00:00.000Z"),
    ])
    func `times are civil`(_ microseconds: Int, _ text: String) throws {
        Logger(service: "s", sink: sink, clock: { Int64(microseconds) }).info("m")
        #expect(try #require(sink.lines.first).hasPrefix("{\"ts\":\"\(text)\""))
    }
}
