/// `docs/metrics.md`: one row a metric.
public struct MetricsDocument: Sendable {
    public struct Row: Sendable {
        public let name: String
        public let type: String
        public let labels: Set<String>
        /// Services by the short names of their executables (`ingest`), and the backbones that have it.
        public let services: Set<String>
        public let backbones: Set<String>
        public let meaning: String

        /// As it stands in the document.
        public var line: String {
            let labels = labels.sorted().map { "`\($0)`" }.joined(separator: ", ")
            let all = Set(Installation.Service.allCases.map(\.shortName))
            let services = services == all ? "all" : services.sorted().joined(separator: ", ")
            let only = backbones.count == 1 ? " (\(backbones.first ?? ""))" : ""
            return "| `\(name)` | \(type) | \(labels) | \(services)\(only) | \(meaning) |"
        }

        public init(
            name: String, type: String, labels: Set<String>, services: Set<String>, backbones: Set<String>,
            meaning: String
        ) {
            self.name = name
            self.type = type
            self.labels = labels
            self.services = services
            self.backbones = backbones
            self.meaning = meaning
        }
    }

    public let rows: [Row]

    /// Reads the rows whose first cell is a name in backquotes.
    public init(_ text: String) {
        rows = text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("| `") else { return nil }
            let cells = line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false).map {
                Self.trimmed($0)
            }
            guard cells.count == 5 else { return nil }
            var services = cells[3]
            var backbones: Set<String> = ["postgres", "kafka"]
            for backbone in ["postgres", "kafka"] where services.hasSuffix(" (\(backbone))") {
                services = String(services.dropLast(backbone.count + 3))
                backbones = [backbone]
            }
            return Row(
                name: cells[0].filter { $0 != "`" }, type: cells[1], labels: Self.words(cells[2]),
                services: services == "all"
                    ? Set(Installation.Service.allCases.map(\.shortName)) : Self.words(services),
                backbones: backbones, meaning: cells[4])
        }
    }

    private static func words(_ cell: String) -> Set<String> {
        Set(cell.split(separator: ",").map { trimmed($0).filter { $0 != "`" } })
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }
}

extension Installation.Service {
    /// `ingest` for `fanfare-ingest`.
    public var shortName: String { String(rawValue.dropFirst("fanfare-".count)) }
}
