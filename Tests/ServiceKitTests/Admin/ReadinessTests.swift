import Observability
import ServiceKit
import Synchronization
import TestSupport
import Testing

@Suite struct ReadinessTests {
    private let sink = CapturingLogSink()
    private let metrics = MetricsRegistry()
    private let readiness: Readiness

    init() {
        readiness = Readiness(logger: Logger(service: "test", sink: sink), metrics: metrics)
    }

    private func metric() -> String {
        var bytes: [UInt8] = []
        metrics.render(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a program that starts is not ready, whatever holds`() {
        readiness.require(.database) { true }
        #expect(readiness.failing() == [.starting])
        readiness.started()
        #expect(readiness.isReady)
    }

    @Test func `each condition that does not hold is named once, in order`() {
        let isUp = Mutex(false)
        readiness.started()
        readiness.require(.log) { false }
        readiness.require(.database) { isUp.withLock { $0 } }
        readiness.require(.log) { isUp.withLock { $0 } }
        readiness.require(.clock) { true }
        #expect(readiness.failing() == [.database, .log])
        #expect(metric().contains("\nfanfare_ready 0\n"))
        isUp.withLock { $0 = true }
        #expect(readiness.failing() == [.log])
    }

    @Test func `a program that ends is never ready again`() {
        readiness.started()
        #expect(metric().contains("\nfanfare_ready 1\n"))
        readiness.beginShutdown()
        #expect(readiness.failing() == [.shutdown])
    }

    @Test func `changes are logged once`() {
        for _ in 0..<3 { _ = readiness.failing() }
        readiness.started()
        for _ in 0..<3 { _ = readiness.failing() }
        #expect(sink.lines.count == 2)
        #expect(sink.lines.first?.contains(#""msg":"not ready","failing":"starting""#) == true)
        #expect(sink.lines.last?.contains(#""msg":"ready""#) == true)
    }
}
