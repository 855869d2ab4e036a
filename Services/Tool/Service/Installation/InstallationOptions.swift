internal import EventCodec
internal import ServiceKit

/// What `up` was told when it was first run here, and since.
struct InstallationOptions: Sendable, Hashable {
    var portBase = ServiceName.defaultPortBase
    var backbone = BackboneKind.postgres
    /// `host:port`, for the backbone Kafka.
    var kafka: String?
    /// Tells the topics and groups of installations on one cluster apart.
    var topicPrefix: String?
    var allowsPrivateTargets = false

    /// From the port base on, up to the last admin port.
    static let portCount = 14
    static let portBases = 1024...(65_535 - portCount)

    func port(_ service: ServiceName) -> Int? { service.portOffset.map { portBase + $0 } }

    func adminPort(_ service: ServiceName) -> Int? { service.adminPortOffset.map { portBase + $0 } }

    var ingestURL: String { "http://127.0.0.1:\(port(.ingest) ?? portBase)" }
    var feedURL: String { "http://127.0.0.1:\(port(.feed) ?? portBase)" }

    func adminURL(_ service: ServiceName) -> String { "http://127.0.0.1:\(adminPort(service) ?? 0)" }

    var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.member("port_base", portBase)
            $0.member("log", backbone.rawValue)
            $0.member("kafka", kafka)
            $0.member("topic_prefix", topicPrefix)
            $0.member("allow_private_targets", allowsPrivateTargets)
        }
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    init() {}

    /// Nil unless it is what `json` writes.
    init?(json: [UInt8]) {
        guard let value = try? JSONValue(parsing: json), let portBase = value["port_base"]?.int,
            let backbone = value["log"]?.string.flatMap(BackboneKind.init(rawValue:))
        else { return nil }
        self.portBase = portBase
        self.backbone = backbone
        kafka = value["kafka"]?.string
        topicPrefix = value["topic_prefix"]?.string
        allowsPrivateTargets = value["allow_private_targets"] == .bool(true)
    }

    /// Nil when there is no installation in the folder.
    static func read(_ folder: InstallationFolder) throws(ToolError) -> InstallationOptions? {
        guard let bytes = Files.bytes(folder.options) else { return nil }
        guard let options = InstallationOptions(json: bytes) else {
            throw ToolError(
                .environment, "\(folder.options) is damaged; restore it, or remove \(folder.path) and all it holds")
        }
        return options
    }

    /// Takes what the command line says over what is remembered.
    mutating func apply(_ wish: UpWish, isNew: Bool) throws(ToolError) {
        if let portBase = wish.portBase { self.portBase = portBase }
        if let allows = wish.allowsPrivateTargets { allowsPrivateTargets = allows }
        if let backbone = wish.backbone {
            guard isNew || backbone == self.backbone else {
                throw ToolError(
                    .usage,
                    "this installation was made with --log \(self.backbone.rawValue), and what waits in its log would be left behind; make another one with --dir"
                )
            }
            self.backbone = backbone
        }
        if let kafka = wish.kafka { self.kafka = kafka }
        switch (self.backbone, kafka) {
        case (.kafka, nil): throw ToolError(.usage, "--log kafka needs --kafka HOST:PORT")
        case (.postgres, .some): throw ToolError(.usage, "--kafka needs --log kafka")
        default: break
        }
    }
}

/// What the command line of `up` says of the installation.
struct UpWish: Sendable, Hashable {
    var portBase: Int?
    var backbone: BackboneKind?
    var kafka: String?
    var allowsPrivateTargets: Bool?
}

extension JSONValue {
    var string: String? { if case .string(let text) = self { text } else { nil } }

    var int: Int? { if case .number(let number) = self { number.int.map { Int($0) } } else { nil } }

    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
}
