/// The exposition format's syntax.
enum MetricText {
    /// The names of a histogram's series, rendered once.
    struct HistogramNames: Sendable {
        let buckets: [[UInt8]]
        let sum: [UInt8]
        let count: [UInt8]
    }

    static func head(_ name: String, _ help: String, _ kind: String) -> [UInt8] {
        var bytes = Array("# HELP \(name) ".utf8)
        for byte in help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(contentsOf: "\n# TYPE \(name) \(kind)\n".utf8)
        return bytes
    }

    /// `name{label="value"} ` with the blank that separates it from its value.
    static func name(_ name: String, _ labels: [(String, String)]) -> [UInt8] {
        precondition(isName(name, colon: true), "\(name) is no name for a metric")
        var bytes = Array(name.utf8)
        for (index, label) in labels.enumerated() {
            precondition(isName(label.0, colon: false), "\(label.0) is no name for a label of \(name)")
            bytes.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            bytes.append(contentsOf: label.0.utf8)
            bytes.append(contentsOf: "=\"".utf8)
            appendEscaped(label.1, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
        if !labels.isEmpty { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: " "))
        return bytes
    }

    static func bucketNames(_ name: String, _ labels: [(String, String)], _ bounds: [Double]) -> HistogramNames {
        let texts = bounds.map { String(decoding: number($0), as: UTF8.self) } + ["+Inf"]
        return HistogramNames(
            buckets: texts.map { MetricText.name(name + "_bucket", labels + [("le", $0)]) },
            sum: MetricText.name(name + "_sum", labels), count: MetricText.name(name + "_count", labels))
    }

    static func append(_ name: [UInt8], _ value: Int, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: String(value).utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    static func append(_ name: [UInt8], _ value: Double, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: number(value))
        bytes.append(UInt8(ascii: "\n"))
    }

    static func number(_ value: Double) -> [UInt8] {
        if value.isNaN { return Array("NaN".utf8) }
        if value.isInfinite { return Array((value < 0 ? "-Inf" : "+Inf").utf8) }
        if let whole = Int(exactly: value) { return Array(String(whole).utf8) }
        return Array(value.description.utf8)
    }

    private static func appendEscaped(_ value: String, to bytes: inout [UInt8]) {
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: #"\""#.utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
            default: bytes.append(byte)
            }
        }
    }

    private static func isName(_ text: String, colon: Bool) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            case UInt8(ascii: ":"): colon
            default: false
            }
        }
    }
}
