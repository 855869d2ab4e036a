internal import Crypto
public import HTTPServer
public import Inbound

/// SHA-256 over the sorted lines `lower-name:value\n` of a request's headers, without those that every hop writes anew
/// (`contracts.md` §7).
enum HeaderDigest {
    private static let left: Set<String> = ["host", "content-length", "connection"]

    static func of(_ headers: RequestHeaders) -> [UInt8] {
        let lines = headers.all.filter { !left.contains($0.name) }.map { Array("\($0.name):\($0.value)\n".utf8) }
        return SHA256.hash(Array(lines.sorted { $0.lexicographicallyPrecedes($1) }.joined())).bytes
    }

    static func of(body: [UInt8]) -> [UInt8] { SHA256.hash(body).bytes }
}

extension RequestHeaders: InboundHeaders {
    public func count(of name: String) -> Int { values(name).count }
}
