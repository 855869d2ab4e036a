internal import Synchronization

/// All instruments of a process, rendered as Prometheus text (exposition format 0.0.4).
///
/// Asking twice for the same name and labels gives the same instrument. A name that comes back with another kind, other
/// bounds or an invalid spelling is a fault of the program and stops it.
///
/// ```swift
/// let accepted = registry.counter("fanfare_accepted_total", "Events that the log has acknowledged.")
/// accepted.increment(by: batch.count)
/// ```
public final class MetricsRegistry: Sendable {
    private let state = Mutex(State())

    public init() {}

    /// The content type of what `render` writes.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A total of things counted here. By custom the name ends in `_total`.
    public func counter(_ name: String, _ help: String, labels: [(String, String)] = []) -> Counter {
        guard case .counter(let counter) = instrument(name, help, .counter, labels, make: { .counter(Counter()) })
        else { preconditionFailure("the metric \(name) is read from elsewhere and cannot be counted here") }
        return counter
    }

    /// A value set here.
    public func gauge(_ name: String, _ help: String, labels: [(String, String)] = []) -> Gauge {
        guard case .gauge(let gauge) = instrument(name, help, .gauge, labels, make: { .gauge(Gauge()) })
        else { preconditionFailure("the metric \(name) is read from elsewhere and cannot be set here") }
        return gauge
    }

    /// A distribution over `buckets`: inclusive upper bounds in rising order, without the infinite one.
    public func histogram(
        _ name: String, _ help: String, buckets: [Double], labels: [(String, String)] = []
    ) -> Histogram {
        precondition(labels.allSatisfy { $0.0 != "le" }, "the label le belongs to the histogram \(name) itself")
        guard
            case .histogram(let histogram, _) = instrument(
                name, help, .histogram, labels,
                make: {
                    let histogram = Histogram(bounds: buckets)
                    return .histogram(histogram, MetricText.bucketNames(name, labels, buckets))
                }), histogram.bounds == buckets
        else { preconditionFailure("the histogram \(name) has other buckets already") }
        return histogram
    }

    /// A value owned elsewhere, read when the metrics are. A later reader of the same name and labels takes over.
    ///
    /// - Parameter read: called from any thread, outside all locks; must not block.
    public func observedGauge(
        _ name: String, _ help: String, labels: [(String, String)] = [], read: @escaping @Sendable () -> Double
    ) {
        observe(name, help, .gauge, labels, read)
    }

    /// A total owned elsewhere; see `observedGauge`.
    public func observedCounter(
        _ name: String, _ help: String, labels: [(String, String)] = [], read: @escaping @Sendable () -> Double
    ) {
        observe(name, help, .counter, labels, read)
    }

    /// Series that come and go, such as one a partition that is owned: read when the metrics are. Several sources may add
    /// to one family; a later one of the same name takes the earlier one's place.
    ///
    /// - Parameters:
    ///   - source: whose series these are, inside this process.
    ///   - read: called from any thread, outside all locks; must not block. Bounded by the caller: each sample is a line.
    public func observedSeries(
        _ name: String, _ help: String, kind: MetricKind = .gauge, source: String,
        read: @escaping @Sendable () -> [MetricSample]
    ) {
        precondition(kind != .histogram, "a histogram is more than one value")
        state.withLock { state in
            let family = state.family(name, help, kind)
            state.families[family].readers[source] = read
        }
    }

    /// Names a family whose series come later: it is listed from the start.
    public func announce(_ name: String, _ help: String, kind: MetricKind) {
        state.withLock { _ = $0.family(name, help, kind) }
    }

    /// Appends everything, one family after the other in the order of their first mention.
    public func render(into bytes: inout [UInt8]) {
        // A copy, so that no reader runs under the lock.
        for family in state.withLock(\.families) {
            bytes.append(contentsOf: family.head)
            for series in family.series {
                switch series.instrument {
                case .counter(let counter): MetricText.append(series.name, counter.value, to: &bytes)
                case .gauge(let gauge): MetricText.append(series.name, gauge.value, to: &bytes)
                case .observed(let read): MetricText.append(series.name, read(), to: &bytes)
                case .histogram(let histogram, let names):
                    let counts = histogram.cumulativeCounts()
                    for (name, count) in zip(names.buckets, counts) { MetricText.append(name, count, to: &bytes) }
                    MetricText.append(names.sum, histogram.sum, to: &bytes)
                    MetricText.append(names.count, counts.last ?? 0, to: &bytes)
                }
            }
            for read in family.readers.values {
                for sample in read() {
                    MetricText.append(MetricText.name(family.name, sample.labels), sample.value, to: &bytes)
                }
            }
        }
    }

    private func observe(
        _ name: String, _ help: String, _ kind: MetricKind, _ labels: [(String, String)],
        _ read: @escaping @Sendable () -> Double
    ) {
        let rendered = MetricText.name(name, labels)
        state.withLock { state in
            let place = state.place(name, help, kind, rendered, make: { .observed(read) })
            guard case .observed = state.families[place.family].series[place.series].instrument
            else { preconditionFailure("the metric \(name) is counted here and cannot be read from elsewhere") }
            state.families[place.family].series[place.series].instrument = .observed(read)
        }
    }

    private func instrument(
        _ name: String, _ help: String, _ kind: MetricKind, _ labels: [(String, String)], make: () -> Instrument
    ) -> Instrument {
        let rendered = MetricText.name(name, labels)
        return state.withLock { state in
            let place = state.place(name, help, kind, rendered, make: make)
            return state.families[place.family].series[place.series].instrument
        }
    }
}

private enum Instrument: Sendable {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram, MetricText.HistogramNames)
    case observed(@Sendable () -> Double)
}

private struct Family: Sendable {
    struct Series: Sendable {
        /// `name{labels} `, rendered once.
        let name: [UInt8]
        var instrument: Instrument
    }

    let name: String
    let kind: MetricKind
    /// The HELP and TYPE lines.
    let head: [UInt8]
    var series: [Series] = []
    var indices: [[UInt8]: Int] = [:]
    /// Of series that come and go, by whose they are.
    var readers: [String: @Sendable () -> [MetricSample]] = [:]
}

private struct State: Sendable {
    var families: [Family] = []
    var indices: [String: Int] = [:]

    /// Where the family is, made if it is new.
    mutating func family(_ name: String, _ help: String, _ kind: MetricKind) -> Int {
        if let index = indices[name] {
            precondition(families[index].kind == kind, "the metric \(name) is a \(families[index].kind) already")
            return index
        }
        families.append(Family(name: name, kind: kind, head: MetricText.head(name, help, kind.rawValue)))
        indices[name] = families.count - 1
        return families.count - 1
    }

    /// Where the series is, made by `make` if it is new.
    mutating func place(
        _ name: String, _ help: String, _ kind: MetricKind, _ rendered: [UInt8], make: () -> Instrument
    ) -> (family: Int, series: Int) {
        let family = self.family(name, help, kind)
        if let series = families[family].indices[rendered] { return (family, series) }
        let series = families[family].series.count
        families[family].indices[rendered] = series
        families[family].series.append(Family.Series(name: rendered, instrument: make()))
        return (family, series)
    }
}
