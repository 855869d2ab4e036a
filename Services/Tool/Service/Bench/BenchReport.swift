internal import EventCodec
internal import Glibc

/// What one measurement gave.
struct BenchReport: Sendable {
    var plan: BenchPlan
    var load: LoadGenerator.Result
    var tally: BenchSink.Tally
    var missing: Int
    /// From the first sending to the last delivery that was new.
    var deliverySeconds: Double
    /// Seconds of processor time by process; empty for the harness alone.
    var cpu: [(name: String, seconds: Double)] = []
    var ownCPU: Double
    var memory: [(name: String, bytes: Int)] = []
    /// Statements that Postgres saw, where it could be asked.
    var statements: Int?

    var acceptedPerSecond: Double { Double(load.accepted) / max(1e-9, Double(load.nanoseconds) / 1e9) }
    var deliveredPerSecond: Double { Double(tally.delivered) / max(1e-9, deliverySeconds) }
    var ownMicroseconds: Double { perEvent(ownCPU) }

    /// In microseconds an accepted event.
    func perEvent(_ seconds: Double) -> Double { seconds * 1e6 / Double(max(1, load.accepted)) }

    var totalMicroseconds: Double { perEvent(cpu.reduce(0) { $0 + $1.seconds }) }

    var isClean: Bool { missing == 0 && tally.duplicates == 0 && load.refused.isEmpty }

    // MARK: Text

    func text(harness: BenchReport?) -> String {
        let mode = plan.rate.map { "\(Self.number($0, 0))/s offered" } ?? "closed loop"
        var text =
            "\(plan.door.rawValue) door: \(plan.events) events of \(plan.bytes) bytes, \(mode), \(plan.connections) connections, fan-out \(plan.fanOut)"
            + (plan.stalled > 0 ? ", beside \(plan.stalled) that never answer\n" : "\n")
        text += row("accepted/s", Self.number(acceptedPerSecond, 0))
        text += row("accept", Self.latencies(load.latencies))
        text += row("delivered/s", Self.number(deliveredPerSecond, 0) + share(harness))
        text += row("accepted to delivered", Self.latencies(tally.latencies))
        text += row("missing", "\(missing)")
        text += row("duplicates", "\(tally.duplicates)")
        for (status, count) in load.refused.sorted(by: { $0.key < $1.key }) {
            text += row(status == 0 ? "without an answer" : "refused with \(status)", "\(count)")
        }
        if !cpu.isEmpty {
            let parts = cpu.map { "\($0.name.replacing("fanfare-", with: "")) \(Self.number(perEvent($0.seconds), 1))" }
            text += row(
                "CPU per event",
                "\(Self.number(totalMicroseconds, 1)) µs\(ratio(harness)): \(parts.joined(separator: ", "))")
        }
        text += row("harness", "\(Self.number(ownMicroseconds, 1)) µs of CPU per event for generator and sink")
        if let statements {
            text += row("statements per event", Self.number(Double(statements) / Double(max(1, load.accepted)), 3))
        }
        if !memory.isEmpty {
            let parts = memory.map {
                "\($0.name.replacing("fanfare-", with: "")) \(Self.number(Double($0.bytes) / 1_048_576, 0)) MiB"
            }
            text += row("peak memory", parts.joined(separator: ", "))
        }
        return text
    }

    private func share(_ harness: BenchReport?) -> String {
        guard let harness, harness.deliveredPerSecond > 0 else { return "" }
        let alone = harness.deliveredPerSecond
        return
            ", \(Self.number(deliveredPerSecond / alone * 100, 1)) % of the harness alone (\(Self.number(alone, 0))/s)"
    }

    private func ratio(_ harness: BenchReport?) -> String {
        guard let harness, harness.ownMicroseconds > 0 else { return "" }
        return ", \(Self.number(totalMicroseconds / harness.ownMicroseconds, 2)) times the harness alone"
    }

    private func row(_ name: String, _ value: String) -> String {
        "  \(InstallationStatus.padded(name, 22))  \(value)\n"
    }

    static func latencies(_ sample: LatencySample) -> String {
        guard let summary = sample.summary else { return "–" }
        let parts = [("p50", summary.p50), ("p99", summary.p99), ("p99.9", summary.p999), ("max", summary.maximum)]
        return parts.map { "\($0.0) \(number(Double($0.1) / 1_000, 2)) ms" }.joined(separator: ", ")
    }

    /// With so many digits behind the point.
    static func number(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = Int64((value * scale).rounded())
        guard digits > 0 else { return "\(rounded)" }
        let text = String(rounded.magnitude)
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return (rounded < 0 ? "-" : "") + padded.dropLast(digits) + "." + padded.suffix(digits)
    }

    // MARK: JSON

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.member("door", plan.door.rawValue)
            $0.member("events", plan.events)
            $0.member("bytes", plan.bytes)
            $0.member("connections", plan.connections)
            $0.member("fan_out", plan.fanOut)
            $0.member("stalled", plan.stalled)
            if let rate = plan.rate { $0.member("rate", rate) }
            $0.member("accepted", load.accepted)
            $0.member("refused", load.refused.values.reduce(0, +))
            $0.member("accepted_per_s", acceptedPerSecond)
            Self.write("accept_ms", load.latencies, to: &$0)
            $0.member("delivered", tally.delivered)
            $0.member("delivered_per_s", deliveredPerSecond)
            Self.write("accepted_to_delivered_ms", tally.latencies, to: &$0)
            $0.member("missing", missing)
            $0.member("duplicates", tally.duplicates)
            $0.member("harness_cpu_us_per_event", ownMicroseconds)
            if !cpu.isEmpty {
                $0.member("cpu_us_per_event", totalMicroseconds)
                $0.key("cpu_us_per_event_by_process")
                $0.object {
                    for (name, seconds) in cpu {
                        $0.key(dynamic: name)
                        $0.double(perEvent(seconds))
                    }
                }
            }
            if let statements { $0.member("statements_per_event", Double(statements) / Double(max(1, load.accepted))) }
            if !memory.isEmpty {
                $0.key("peak_memory_bytes")
                $0.object {
                    for (name, bytes) in memory {
                        $0.key(dynamic: name)
                        $0.int(bytes)
                    }
                }
            }
        }
    }

    private static func write(_ name: StaticString, _ sample: LatencySample, to writer: inout JSONWriter) {
        guard let summary = sample.summary else { return }
        writer.key(name)
        writer.object {
            $0.member("p50", Double(summary.p50) / 1_000)
            $0.member("p99", Double(summary.p99) / 1_000)
            $0.member("p999", Double(summary.p999) / 1_000)
            $0.member("max", Double(summary.maximum) / 1_000)
        }
    }
}
