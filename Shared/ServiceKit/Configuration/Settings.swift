public import Observability

/// Every setting of every program, in one place: a program refuses what is not here, and accepts (and ignores) in file and
/// environment what only others use, so that one file can serve a whole installation.
public enum Settings {
    public static let logLevel = Setting(
        "log.level", .choice(of: LogLevel.self), default: "info", "Entries below this level are left out of the log.")
    public static let adminListen = Setting(
        "admin.listen", .hostPort, default: "127.0.0.1:3410",
        defaults: Dictionary(
            uniqueKeysWithValues: ServiceName.allCases.compactMap { service in
                service.adminPortOffset.map { (service, "127.0.0.1:\(ServiceName.defaultPortBase + $0)") }
            }),
        "Where `/metrics`, `/livez` and `/readyz` are served; never open to tenants.")
    public static let shutdownDelay = Setting(
        "shutdown.delay", .duration(.zero ... .seconds(60)), default: "0s",
        "How long a stopping program still takes requests while `/readyz` answers 503: the time that a balancer needs to "
            + "notice.")
    public static let shutdownGrace = Setting(
        "shutdown.grace", .duration(.seconds(1) ... .seconds(600)), default: "25s",
        "How long a stopping program may take to drain before it ends with what is left undone.")

    /// The order of the documentation.
    public static let all: [SettingDeclaration] = {
        let groups = [
            [
                logLevel.declaration, adminListen.declaration, shutdownDelay.declaration, shutdownGrace.declaration,
            ],
            backbone, doors, delivering, keeping, telemetry,
        ]
        return groups.flatMap { $0 }.flatMap { $0.isSecret ? [$0, SettingDeclaration(fileOf: $0)] : [$0] }
    }()

    /// By key.
    static let declarations = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// By environment variable.
    static let variables = Dictionary(all.map { ($0.variable, $0) }, uniquingKeysWith: { first, _ in first })

    /// By flag.
    static let flags = Dictionary(all.map { ($0.flag, $0) }, uniquingKeysWith: { first, _ in first })

    /// The other form of a secret: its text for its file, its file for its text.
    static func twin(of declaration: SettingDeclaration) -> String? {
        if declaration.isSecret { return declaration.name + "-file" }
        guard declaration.name.hasSuffix("-file") else { return nil }
        let secret = String(declaration.name.dropLast("-file".count))
        return declarations[secret]?.isSecret == true ? secret : nil
    }
}
