/// A setting that always has a value: its default, unless something else was given.
///
/// Declared once, in `Settings`; read with `configuration[Settings.deliveryTimeout]`.
public struct Setting<Value: Sendable>: Sendable {
    public let declaration: SettingDeclaration
    let kind: SettingKind<Value>

    /// - Parameter name: lower-case words joined by `-`, groups joined by `.`: `delivery.in-flight`.
    /// - Parameter default: as a person would write it.
    /// - Parameter defaults: other defaults for single programs.
    /// - Parameter used: the programs that read it.
    /// - Parameter help: what it does, in one sentence.
    public init(
        _ name: String, _ kind: SettingKind<Value>, default text: String, defaults: [ServiceName: String] = [:],
        used scope: Set<ServiceName> = ServiceName.services, _ help: String
    ) {
        self.kind = kind
        declaration = SettingDeclaration(
            name: name, kind: kind, defaultText: text, defaults: defaults, scope: scope, help: help)
    }
}

/// A setting without a default; `configuration[…]` is nil when nobody gave a value.
public struct OptionalSetting<Value: Sendable>: Sendable {
    public let declaration: SettingDeclaration
    let kind: SettingKind<Value>

    /// See `Setting`.
    public init(
        _ name: String, _ kind: SettingKind<Value>, used scope: Set<ServiceName> = ServiceName.services, _ help: String
    ) {
        self.kind = kind
        declaration = SettingDeclaration(
            name: name, kind: kind, defaultText: nil, defaults: [:], scope: scope, help: help)
    }
}

/// What is known of a setting without its type: names, documentation, and a check of its text.
public struct SettingDeclaration: Sendable {
    public let name: String
    public let typeName: String
    /// What values are allowed; empty where all are.
    public let range: String
    public let isSecret: Bool
    public let scope: Set<ServiceName>
    public let help: String
    private let defaultText: String?
    private let defaults: [ServiceName: String]
    /// What is wrong with a text, as a clause; nil when nothing is.
    let problem: @Sendable (String) -> String?

    init<Value>(
        name: String, kind: SettingKind<Value>, defaultText: String?, defaults: [ServiceName: String],
        scope: Set<ServiceName>, help: String
    ) {
        self.name = name
        self.defaultText = defaultText
        self.defaults = defaults
        self.scope = scope
        self.help = help
        typeName = kind.typeName
        range = kind.range
        isSecret = kind.isSecret
        problem = { text in
            switch kind.parse(text) {
            case .success: nil
            case .failure(let problem): problem.clause
            }
        }
    }

    /// A secret's second setting: the file that holds it.
    init(fileOf secret: SettingDeclaration) {
        self.init(
            name: secret.name + "-file", kind: SettingKind<String>.string, defaultText: nil, defaults: [:],
            scope: secret.scope,
            help: "A file with the value of `\(secret.name)`; a line feed at its end does not count.")
    }

    /// The default of `service`, as text; nil without one.
    public func defaultText(for service: ServiceName) -> String? { defaults[service] ?? defaultText }

    /// `--delivery-in-flight`
    public var flag: String { "--" + name.replacing(".", with: "-") }

    /// `FANFARE_DELIVERY_IN_FLIGHT`
    public var variable: String {
        "FANFARE_" + String(name.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 })
    }

    /// The default for the documentation; several where programs differ.
    var defaultSummary: String {
        guard !defaults.isEmpty else { return defaultText ?? "" }
        let services = ServiceName.allCases.filter(scope.contains)
        return services.compactMap { service in
            defaultText(for: service).map { "\($0) (\(service.rawValue))" }
        }.joined(separator: ", ")
    }
}
