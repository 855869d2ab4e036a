import ServiceKit
import Testing

@Suite struct SettingTextsTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("10s", .seconds(10)), ("2m", .seconds(120)), ("3h", .seconds(10_800)),
        ("7d", .seconds(604_800)), ("0s", .zero), ("90s", .seconds(90)), ("1500ms", .milliseconds(1500)),
    ])
    func `durations are read and written`(_ text: String, _ duration: Duration) {
        #expect(DurationText.parse(text) == duration)
        #expect(DurationText.parse(DurationText.text(duration)) == duration)
    }

    @Test(arguments: [
        "", "10", "s", "-1s", "+1s", "1.5s", "1 s", "10S", "1h30m", "10us", "١s", "99999999999999999999s",
        "9223372036854775807d",
    ])
    func `other text is no duration`(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: [
        ("256KiB", 262_144), ("1MiB", 1_048_576), ("2GiB", 2_147_483_648), ("17B", 17), ("17", 17), ("0", 0),
    ])
    func `sizes are read and written`(_ text: String, _ bytes: Int) {
        #expect(ByteCountText.parse(text) == bytes)
        #expect(ByteCountText.parse(ByteCountText.text(bytes)) == bytes)
    }

    @Test(arguments: ["", "KiB", "1kb", "1 KiB", "-1", "1.5MiB", "9223372036854775807GiB"])
    func `other text is no size`(_ text: String) {
        #expect(ByteCountText.parse(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:3400", "127.0.0.1", 3400), ("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0),
        ("kafka-0.kafka:65535", "kafka-0.kafka", 65_535),
    ])
    func `addresses are read and written`(_ text: String, _ host: String, _ port: Int) {
        let address = HostPort(text)
        #expect(address == HostPort(host: host, port: port))
        #expect(address?.description == text)
    }

    @Test(arguments: [
        "", "127.0.0.1", ":3400", "localhost:", "localhost:65536", "localhost:-1", "::1:80", "[::1]", "[localhost]:80",
        "[::1:80", "a b:80", "localhost:+80", "localhost:080000",
    ])
    func `other text is no address`(_ text: String) {
        #expect(HostPort(text) == nil)
    }

    @Test func `a secret is not shown by printing, interpolating or dumping`() {
        struct Holder { let secret = Secret("hunter2") }
        let secret = Secret("hunter2")
        var dumped = ""
        dump(Holder(), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(Holder())", String(describing: [secret]), dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret.reveal() == "hunter2")
    }
}
