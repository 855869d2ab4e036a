/// A request as a vendor would send it.
public struct InboundSample: Sendable {
    public var headers: [(name: String, value: String)]
    /// Not encoded.
    public var query: [(name: String, value: String)] = []
    public var body: [UInt8]

    init(_ headers: [(name: String, value: String)], _ body: [UInt8]) {
        self.headers = headers
        self.body = body
    }
}
