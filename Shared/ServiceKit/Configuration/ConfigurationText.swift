/// Settings as people read them.
public enum ConfigurationText {
    /// A service's `--help`.
    static func help(service: ServiceName, summary: String) -> String {
        var text = """
            \(service.rawValue): \(summary)

            Usage: \(service.rawValue) [--config FILE] [FLAGS]

            A flag wins over its environment variable, and that over the file (lines of `key = value`). The variable of
            `--delivery-timeout` is FANFARE_DELIVERY_TIMEOUT, its key in the file is delivery.timeout.

              --config FILE     reads settings from FILE; also FANFARE_CONFIG
              --print-config    prints the settings with their origins, without secrets, and exits
              --version         prints the version and exits
              --help            prints this and exits


            """
        for setting in Settings.all where setting.scope.contains(service) {
            var notes = [setting.range, setting.defaultText(for: service).map { "default \($0)" } ?? ""]
            notes.removeAll(where: \.isEmpty)
            text += "  \(setting.flag) \(setting.typeName.uppercased())\n"
            text += wrapped(setting.help.replacing("`", with: ""), indent: 6)
            if !notes.isEmpty { text += wrapped("[\(notes.joined(separator: "; "))]", indent: 6) }
        }
        return text
    }

    /// A service's `--print-config`: a file that gives the same settings, but for the secrets.
    static func print(_ configuration: Configuration) -> String {
        var text = "# \(configuration.service.rawValue) \(BuildInfo.version)\n"
        for setting in Settings.all where setting.scope.contains(configuration.service) {
            let entry = configuration.entries[setting.name]
            guard let value = entry?.text ?? setting.defaultText(for: configuration.service) else {
                text += "# \(setting.name) is not set\n"
                continue
            }
            text += "\(setting.name) = \(setting.isSecret ? Secret.placeholder : value)"
            text += "\n    # \(configuration.origin(of: setting.name))\n"
        }
        return text
    }

    /// All settings as a table, for `docs/configuration.md`.
    public static func markdown() -> String {
        var text = "| key | type | default | used by | meaning |\n|---|---|---|---|---|\n"
        for setting in Settings.all {
            let range = setting.range.isEmpty ? "" : " (\(setting.range))"
            let type = setting.isSecret ? "secret" : setting.typeName + range
            let preset = setting.defaultSummary
            let scope =
                setting.scope == ServiceName.services
                ? "all"
                : ServiceName.allCases.filter(setting.scope.contains)
                    .map { $0.rawValue.replacing("fanfare-", with: "") }.joined(separator: ", ")
            text +=
                "| `\(setting.name)` | \(type) | \(preset.isEmpty ? "" : "`\(preset)`") | \(scope) | \(setting.help) |\n"
        }
        return text
    }

    private static func wrapped(_ text: String, indent: Int) -> String {
        let widest = 100
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + word.count + 1 <= widest - indent {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines.map { String(repeating: " ", count: indent) + $0 + "\n" }.joined()
    }
}
