/// Puts flags over environment over file, and checks the result.
struct ConfigurationReader {
    /// Variables with our prefix that are not settings.
    static let otherVariables: Set<String> = [
        "FANFARE_CONFIG", "FANFARE_DIR", "FANFARE_REVISION", "FANFARE_TEST_SEED", "FANFARE_TOKEN", "FANFARE_URL",
    ]

    let service: ServiceName
    /// Key to text; the keys have been checked to be flags of this program.
    let flags: [String: String]
    let environment: [String: String]
    let file: ConfigurationFile?
    var readSecret: (String) throws(SecretFile.Problem) -> SecretFile = SecretFile.read

    private var problems: [String] = []
    private var warnings: [String] = []
    private var entries: [String: Configuration.Entry] = [:]

    init(service: ServiceName, flags: [String: String], environment: [String: String], file: ConfigurationFile?) {
        self.service = service
        self.flags = flags
        self.environment = environment
        self.file = file
    }

    func read() throws(ConfigurationError) -> Configuration {
        var reader = self
        reader.takeFile()
        reader.takeEnvironment()
        reader.takeFlags()
        reader.openSecretFiles()
        reader.check()
        guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
        return Configuration(service: service, entries: reader.entries, warnings: reader.warnings)
    }

    private mutating func takeFile() {
        guard let file else { return }
        problems += file.problems
        for (key, line) in file.lines.sorted(by: { $0.value.number < $1.value.number }) {
            let origin = Configuration.Origin.file(path: file.path, line: line.number)
            guard Settings.declarations[key] != nil else {
                problems.append("\(key) (\(origin)) is not a setting\(suggestion(for: key))")
                continue
            }
            entries[key] = Configuration.Entry(text: line.value, origin: origin)
        }
    }

    private mutating func takeEnvironment() {
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("FANFARE_") {
            guard !Self.otherVariables.contains(name), !Self.isServiceLink(name, text) else { continue }
            guard let declaration = Settings.variables[name] else {
                problems.append("\(name) in the environment is not a setting")
                continue
            }
            // An empty variable is how compose files leave one out.
            guard !text.isEmpty else { continue }
            take(declaration, text, .environment(name))
        }
    }

    private mutating func takeFlags() {
        for (key, text) in flags.sorted(by: { $0.key < $1.key }) {
            guard let declaration = Settings.declarations[key] else { continue }
            if declaration.isSecret {
                warnings.append("\(declaration.flag) shows a secret to everyone who can list processes")
            }
            take(declaration, text, .flag(declaration.flag))
        }
    }

    /// A source overrides both forms of a secret that a lower one gave, text and file.
    private mutating func take(_ declaration: SettingDeclaration, _ text: String, _ origin: Configuration.Origin) {
        if let twin = Settings.twin(of: declaration), let other = entries[twin], other.origin.rank < origin.rank {
            entries[twin] = nil
        }
        entries[declaration.name] = Configuration.Entry(text: text, origin: origin)
    }

    private mutating func openSecretFiles() {
        for secret in Settings.all where secret.isSecret {
            guard let entry = entries[secret.name + "-file"] else { continue }
            if let text = entries[secret.name] {
                problems.append("\(secret.name) is given twice: by \(text.origin) and as a file by \(entry.origin)")
                continue
            }
            // Another program's secret may well be unreadable for this one.
            guard secret.scope.contains(service) else { continue }
            do {
                let file = try readSecret(entry.text)
                if file.isOpenToOthers {
                    warnings.append("\(entry.text) holds a secret and can be read by everybody: chmod 600 it")
                }
                entries[secret.name] = Configuration.Entry(text: file.text, origin: entry.origin)
            } catch {
                problems.append("\(secret.name)-file (\(entry.origin)): \(error.message)")
            }
        }
    }

    private mutating func check() {
        for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
            guard let declaration = Settings.declarations[key], let clause = declaration.problem(entry.text) else {
                continue
            }
            let value = declaration.isSecret ? "" : " = \(entry.text)"
            let range = declaration.range.isEmpty ? "" : " (\(declaration.range))"
            problems.append("\(key)\(value) from \(entry.origin) \(clause)\(range)")
        }
    }

    /// Kubernetes describes each service of the namespace in variables that begin with its name, and ours begin with
    /// `fanfare-`: `FANFARE_FEED_SERVICE_HOST`, `FANFARE_FEED_PORT=tcp://…`, `FANFARE_FEED_PORT_3401_TCP_ADDR`.
    static func isServiceLink(_ name: String, _ text: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") { return true }
        if text.hasPrefix("tcp://") || text.hasPrefix("udp://") { return true }
        return name.contains("_TCP_") || name.contains("_UDP_") || name.hasSuffix("_TCP") || name.hasSuffix("_UDP")
    }

    private func suggestion(for key: String) -> String {
        let plain = key.lowercased().filter(\.isLetter)
        let alike = Settings.all.first { $0.name.filter(\.isLetter) == plain }
        return alike.map { "; is \($0.name) meant?" } ?? ""
    }
}

extension Configuration.Origin {
    /// Later sources win.
    fileprivate var rank: Int {
        switch self {
        case .preset: 0
        case .file: 1
        case .environment: 2
        case .flag: 3
        }
    }
}
