internal import ServiceKit

/// The file of settings that the services of an installation read. What stands below the marker is the operator's.
struct ConfigurationWriter {
    static let marker = "# Yours: settings below this line are kept. `fanfare config --markdown` lists them all."

    let folder: InstallationFolder
    let options: InstallationOptions
    let dsn: String

    /// - Parameter existing: the file as it is, if there is one.
    func text(keeping existing: String?) -> String {
        let own = Self.ownPart(existing ?? "")
        let ownKeys = Set(own.split(separator: "\n").compactMap(Self.key))
        var text = "# Written by `fanfare up`; do not edit the lines above the next comment.\n"
        for (key, value) in settings where !ownKeys.contains(key) { text += "\(key) = \(value)\n" }
        return text + Self.marker + "\n" + own
    }

    var settings: [(String, String)] {
        var settings = [
            ("backbone", options.backbone.rawValue),
            ("postgres.dsn", dsn),
            ("master-key-file", folder.masterKey),
            ("ingest.listen", "127.0.0.1:\(options.port(.ingest) ?? 0)"),
            ("feed.listen", "127.0.0.1:\(options.port(.feed) ?? 0)"),
            ("allow-private-targets", "\(options.allowsPrivateTargets)"),
        ]
        if let kafka = options.kafka { settings.append(("kafka.brokers", kafka)) }
        if let prefix = options.topicPrefix { settings.append(("kafka.topic-prefix", prefix)) }
        return settings
    }

    /// A file without the marker is one that its operator laid there before the first `up`.
    static func ownPart(_ text: String) -> String {
        guard let range = text.firstRange(of: marker) else { return text }
        let rest = text[range.upperBound...]
        return String(rest.hasPrefix("\n") ? rest.dropFirst() : rest)
    }

    /// The file with settings in its operator's part: in the place of what stood there, or at the end.
    static func setting(_ values: [(String, String)], in text: String) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        for (name, value) in values {
            let line = Substring("\(name) = \(value)")
            if let index = lines.lastIndex(where: { key($0) == name }) {
                lines[index] = line
            } else {
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func key(_ line: Substring) -> String? {
        guard !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { return nil }
        return String(line[..<equals].filter { $0 != " " && $0 != "\t" })
    }
}
