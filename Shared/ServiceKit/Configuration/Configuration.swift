/// The settings of a running program, all of them read, checked and frozen.
///
/// ```swift
/// let timeout = configuration[Settings.deliveryTimeout]               // Duration
/// let dsn = try configuration.required(Settings.postgresDSN)          // Secret
/// ```
public struct Configuration: Sendable {
    /// Where a value came from.
    public enum Origin: Sendable, Hashable, CustomStringConvertible {
        case preset
        case file(path: String, line: Int)
        case environment(String)
        case flag(String)

        public var description: String {
            switch self {
            case .preset: "default"
            case .file(let path, let line): "\(path):\(line)"
            case .environment(let name): name
            case .flag(let name): name
            }
        }
    }

    /// A text that was found for a key; it has been checked.
    struct Entry: Sendable {
        var text: String
        var origin: Origin
    }

    public let service: ServiceName
    /// What deserves a line in the log but does not keep the program from starting: the modes of secret files.
    public let warnings: [String]
    let entries: [String: Entry]

    init(service: ServiceName, entries: [String: Entry], warnings: [String] = []) {
        self.service = service
        self.entries = entries
        self.warnings = warnings
    }

    /// Settings by their keys on top of the defaults, for tests.
    ///
    /// - Throws: `ConfigurationError` for unknown keys and bad values.
    public init(service: ServiceName, values: [String: String] = [:]) throws(ConfigurationError) {
        let environment = values.map { key, value in
            (Settings.declarations[key]?.variable ?? "FANFARE_? \(key)", value)
        }
        self = try ConfigurationReader(
            service: service, flags: [:], environment: Dictionary(environment, uniquingKeysWith: { $1 }), file: nil
        ).read()
    }

    public subscript<Value>(setting: Setting<Value>) -> Value {
        guard let value = value(setting.declaration, setting.kind) else {
            preconditionFailure("\(setting.declaration.name) is not in the catalogue, or its default is no value")
        }
        return value
    }

    public subscript<Value>(setting: OptionalSetting<Value>) -> Value? { value(setting.declaration, setting.kind) }

    /// The value of a setting that this program cannot do without in its present configuration.
    ///
    /// - Throws: `ConfigurationError` that tells how to give it.
    public func required<Value>(_ setting: OptionalSetting<Value>) throws(ConfigurationError) -> Value {
        if let value = self[setting] { return value }
        let declaration = setting.declaration
        let file = declaration.isSecret ? " (or \(declaration.variable)_FILE)" : ""
        throw ConfigurationError([
            "\(declaration.name) is needed: set \(declaration.variable)\(file), or \(declaration.name) in the file"
        ])
    }

    /// Where the value of a key came from.
    public func origin(of key: String) -> Origin { entries[key]?.origin ?? .preset }

    private func value<Value>(_ declaration: SettingDeclaration, _ kind: SettingKind<Value>) -> Value? {
        let text = entries[declaration.name]?.text ?? declaration.defaultText(for: service)
        guard let text, case .success(let value) = kind.parse(text) else { return nil }
        return value
    }
}
