/// What a service prints at `/metrics`, read as Prometheus does.
public struct MetricsText: Sendable {
    public struct Sample: Sendable {
        /// With `_bucket`, `_sum` or `_count` where it belongs to a histogram.
        public let name: String
        public let labels: [String: String]
        public let value: Double
    }

    public struct Family: Sendable {
        public let name: String
        public let type: String
        public let help: String
        public var samples: [Sample] = []

        /// Without the histogram's own `le`.
        public var labelNames: Set<String> { Set(samples.flatMap(\.labels.keys)).subtracting(["le"]) }
    }

    /// By name.
    public private(set) var families: [String: Family] = [:]
    /// Lines that are not as the format wants them.
    public private(set) var faults: [String] = []

    public init(_ text: String) {
        var help: [String: String] = [:]
        var current: String?
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# HELP ") {
                let words = line.dropFirst("# HELP ".count).split(separator: " ", maxSplits: 1)
                help[String(words[0])] = words.count == 2 ? String(words[1]) : ""
            } else if line.hasPrefix("# TYPE ") {
                let words = line.dropFirst("# TYPE ".count).split(separator: " ")
                let name = String(words[0])
                if families[name] != nil { faults.append("twice: \(name)") }
                families[name] = Family(name: name, type: String(words[1]), help: help[name] ?? "")
                current = name
            } else if let sample = Self.sample(line), let current,
                [current, current + "_bucket", current + "_sum", current + "_count"].contains(sample.name)
            {
                families[current]?.samples.append(sample)
            } else {
                faults.append(String(line))
            }
        }
    }

    /// The sum of all samples of that name whose labels include these.
    public func total(_ name: String, _ labels: [String: String] = [:]) -> Double {
        (families[name]?.samples ?? []).reduce(0) { sum, sample in
            labels.allSatisfy { sample.labels[$0.key] == $0.value } ? sum + sample.value : sum
        }
    }

    /// `name{a="b",…} value`; label values of ours hold no quote.
    private static func sample(_ line: Substring) -> Sample? {
        guard let blank = line.lastIndex(of: " "), let value = Double(line[line.index(after: blank)...]) else {
            return nil
        }
        let series = line[..<blank]
        guard let brace = series.firstIndex(of: "{") else {
            return Sample(name: String(series), labels: [:], value: value)
        }
        guard series.hasSuffix("\"}") else { return nil }
        var labels: [String: String] = [:]
        var rest = series[series.index(after: brace)...].dropLast()
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let name = String(rest[..<equals])
            let text = rest[rest.index(equals, offsetBy: 2)...]
            guard let quote = text.firstIndex(of: "\"") else { return nil }
            labels[name] = String(text[..<quote])
            rest = text[text.index(after: quote)...]
            if rest.first == "," { rest = rest.dropFirst() }
        }
        return Sample(name: String(series[..<brace]), labels: labels, value: value)
    }
}

extension Installation {
    /// What a service prints now.
    public func metrics(_ service: Service) async throws -> MetricsText {
        let answer = try await TestHTTP.request(port: status.adminPort(service), "/metrics")
        guard answer.status == 200 else { throw SpawnError("/metrics of \(service.rawValue): \(answer.status)") }
        return MetricsText(answer.text)
    }
}
