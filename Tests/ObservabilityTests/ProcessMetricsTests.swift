import Glibc
import Observability
import Testing

@Suite struct ProcessMetricsTests {
    private func values() -> [Substring: Double] {
        let registry = MetricsRegistry()
        registry.addProcessMetrics()
        registry.addBuildInfo(service: "fanfare-test", version: "1.2.3", revision: "abc")
        var bytes: [UInt8] = []
        registry.render(into: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        let samples = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ") }
        return Dictionary(uniqueKeysWithValues: samples.map { ($0[0], Double($0[1]) ?? .nan) })
    }

    @Test func `a process tells what it uses`() throws {
        let values = values()
        let now = Double(time(nil))
        #expect(try #require(values["process_cpu_seconds_total"]) > 0)
        #expect(try #require(values["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(values["process_threads"]) >= 1)
        #expect((3...100_000).contains(try #require(values["process_open_fds"])))
        #expect(try #require(values["process_max_fds"]) >= 256)
        #expect((now - 86_400...now + 2).contains(try #require(values["process_start_time_seconds"])))
        #expect(values[#"fanfare_build_info{service="fanfare-test",version="1.2.3",revision="abc"}"#] == 1)
    }
}
