internal import EventModel
internal import Observability
internal import Synchronization

/// The cursors' metrics; made once and held.
struct CursorInstruments: Sendable {
    private let opened: Counter
    private let closed: Counter
    private let settled: [Counter]
    private let read: Counter

    init(_ registry: MetricsRegistry) {
        let name = "fanfare_delivery_span_switches_total"
        let help = "Endpoints that went from their lane to a cursor (open) and back (close)."
        opened = registry.counter(name, help, labels: [("to", "cursor")])
        closed = registry.counter(name, help, labels: [("to", "lane")])
        read = registry.counter(
            "fanfare_delivery_cursor_reads_total", "Events that cursors read from the feed, wanted or not.")
        settled = ["delivered", "retrying", "failed"].map { result in
            registry.counter(
                "fanfare_delivery_cursor_events_total", "Events of cursors by what came of their first attempt.",
                labels: [("result", result)])
        }
    }

    func observe(_ registry: MetricsRegistry, engine: CursorEngine) {
        registry.observedGauge("fanfare_delivery_cursors", "Feed cursors that this worker serves: spans and jobs.") {
            [weak engine] in Double(engine?.state.withLock { $0.cursors.count } ?? 0)
        }
        registry.observedGauge("fanfare_delivery_open_spans", "Endpoints whose events come from a cursor.") {
            [weak engine] in
            Double(
                engine?.state.withLock { state in
                    state.cursors.values.count { $0.cursor.kind == .span && $0.cursor.until == nil }
                } ?? 0)
        }
        registry.observedGauge(
            "fanfare_delivery_span_lag_positions",
            "How far the span that is furthest behind is from the feed's head, as of the last page that was read."
        ) { [weak engine] in Double(Self.worst(engine).positions) }
        registry.observedGauge(
            "fanfare_delivery_span_lag_seconds", "Age of the oldest event that the cursor of a span has not settled."
        ) { [weak engine] in Self.worst(engine).seconds }
    }

    /// How far the span that is furthest behind is.
    private static func worst(_ engine: CursorEngine?) -> (positions: Int64, seconds: Double) {
        guard let engine else { return (0, 0) }
        let lags = engine.state.withLock { state in
            state.cursors.values.compactMap { $0.cursor.kind == .span ? $0.lag(behind: state.head) : nil }
        }
        let oldest = lags.map(\.since).min()
        let age = oldest.map { Double(max(0, engine.clock.now().microseconds(since: $0))) / 1_000_000 } ?? 0
        return (lags.map(\.positions).max() ?? 0, age)
    }

    func read(_ count: Int) { read.increment(by: count) }
    func opened(_ count: Int) { opened.increment(by: count) }
    func closed(_ count: Int) { closed.increment(by: count) }

    func settled(_ result: ActiveCursor.Result?) {
        switch result {
        case .delivered: settled[0].increment()
        case .retrying: settled[1].increment()
        case .failed, nil: settled[2].increment()
        }
    }
}
