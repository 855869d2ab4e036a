import Observability
import Synchronization
import TestSupport
import Testing

@Suite struct LimitedLoggerTests {
    private final class Clock: Sendable {
        let instant = Mutex(ContinuousClock.now)
        func now() -> ContinuousClock.Instant { instant.withLock { $0 } }
        func advance(by duration: Duration) { instant.withLock { $0 += duration } }
    }

    private let sink = CapturingLogSink()
    private let clock = Clock()

    private func limited(to burst: Int) -> LimitedLogger {
        Logger(service: "s", sink: sink).limited(to: burst, every: .seconds(10), now: { [clock] in clock.now() })
    }

    @Test func `a burst passes and the rest of the window does not`() {
        let log = limited(to: 3)
        for _ in 0..<100 { log.warning("refused") }
        #expect(sink.lines.count == 3)
    }

    @Test func `the first entry of the next window tells what was left out`() throws {
        let log = limited(to: 2)
        for _ in 0..<10 { log.warning("refused", ["n": 1]) }
        clock.advance(by: .seconds(10))
        log.warning("refused", ["n": 1])
        log.warning("refused", ["n": 1])
        #expect(sink.lines.count == 4)
        #expect(sink.lines[2].hasSuffix(#""n":1,"suppressed":8}"#))
        #expect(sink.lines[3].hasSuffix(#""n":1}"#))
    }

    @Test func `each message has an allowance of its own`() {
        let log = limited(to: 1)
        for _ in 0..<5 {
            log.warning("refused")
            log.warning("lost")
            log.error("lost")
        }
        #expect(sink.lines.count == 3)
    }

    @Test func `what is below the level uses no allowance`() {
        let log = limited(to: 1)
        log.debug("detail")
        #expect(sink.lines.isEmpty)
    }
}
