/// Where the cluster is and how to talk to it: what every client of one process shares.
public struct KafkaConnection: Sendable {
    /// `host:port[,host:port…]`; enough to find the rest of the cluster.
    public var bootstrapServers: String
    /// The name under which brokers log and limit this process.
    public var clientID: String
    /// librdkafka's own settings for transport and authentication (`security.protocol`, `sasl.*`, `ssl.*`), applied
    /// before ours: what this layer relies on cannot be changed from here. Values may be secrets and are never logged.
    public var transport: [String: String]

    public init(bootstrapServers: String, clientID: String = "fanfare", transport: [String: String] = [:]) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.transport = transport
    }

    /// The largest record that topics take and clients send: 32 MiB.
    public static let largestRecord = 32 << 20
}
