/// What a program was asked to do.
public enum Invocation: Sendable {
    case run(Configuration)
    /// Print this to standard output and exit with 0: help, version, or the configuration.
    case print(String)
}

/// Reads a service's command line: flags for the settings that it uses, `--config FILE`, `--help`, `--version` and
/// `--print-config`. There are no positional arguments.
public struct ServiceCommandLine: Sendable {
    private let service: ServiceName
    private let summary: String
    private let readFile: @Sendable (String) throws(ConfigurationError) -> String

    /// - Parameter summary: what the service does, for `--help`.
    public init(service: ServiceName, summary: String) {
        self.init(service: service, summary: summary, readFile: readConfigurationFile)
    }

    init(
        service: ServiceName, summary: String,
        readFile: @escaping @Sendable (String) throws(ConfigurationError) -> String
    ) {
        self.service = service
        self.summary = summary
        self.readFile = readFile
    }

    /// - Parameter arguments: without the program's name.
    /// - Throws: everything that is wrong, at once.
    public func parse(
        _ arguments: [String], environment: [String: String]
    ) throws(ConfigurationError) -> Invocation {
        if arguments.contains("--help") || arguments.contains("-h") {
            return .print(ConfigurationText.help(service: service, summary: summary))
        }
        if arguments.contains("--version") {
            return .print("\(service.rawValue) \(BuildInfo.version) (\(BuildInfo.revision))\n")
        }
        var scan = FlagScan(service: service)
        scan.read(arguments)
        var file: ConfigurationFile?
        if let path = scan.file ?? environment["FANFARE_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) {
            file = ConfigurationFile(path: path, text: try readFile(path))
        }
        let reader = ConfigurationReader(
            service: service, flags: scan.flags, environment: environment, file: file)
        let configuration: Configuration
        do {
            configuration = try reader.read()
        } catch {
            throw ConfigurationError(scan.problems + error.problems)
        }
        guard scan.problems.isEmpty else { throw ConfigurationError(scan.problems) }
        return scan.printsConfiguration
            ? .print(ConfigurationText.print(configuration)) : .run(configuration)
    }
}

/// A walk over the arguments.
private struct FlagScan {
    let service: ServiceName
    var flags: [String: String] = [:]
    var file: String?
    var printsConfiguration = false
    var problems: [String] = []

    init(service: ServiceName) { self.service = service }

    mutating func read(_ arguments: [String]) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument.count > 2 else {
                problems.append("\(argument) is not expected here; settings are flags such as --log-level debug")
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0]
            let attached = parts.count == 2 ? parts[1] : nil
            switch name {
            case "--print-config" where attached == nil: printsConfiguration = true
            case "--config":
                if let path = attached ?? rest.popFirst() {
                    file = path
                } else {
                    problems.append("--config needs a file")
                }
            default: take(name, attached, &rest)
            }
        }
    }

    private mutating func take(_ name: String, _ attached: String?, _ rest: inout ArraySlice<String>) {
        guard let declaration = Settings.flags[name] else {
            problems.append("\(name) is not a flag; see --help")
            return
        }
        guard declaration.scope.contains(service) else {
            problems.append("\(name) is not used by \(service.rawValue); see --help")
            return
        }
        let text: String
        if let attached {
            text = attached
        } else if declaration.typeName == SettingKind<Bool>.bool.typeName {
            // A switch; a value has to be attached: --allow-private-targets=false.
            text = "true"
        } else if let next = rest.popFirst() {
            text = next
        } else {
            problems.append("\(name) needs a value")
            return
        }
        if flags.updateValue(text, forKey: declaration.name) != nil { problems.append("\(name) is given twice") }
    }
}
