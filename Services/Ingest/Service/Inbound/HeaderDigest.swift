internal import Crypto
public import HTTPServer
public import Inbound

/// SHA-256 over the sorted lines `lower-name:value\n` of a request's headers, without those that every hop writes anew
/// (`contracts.md` §7).
enum HeaderDigest {
    private static let left = ["host", "content-length", "connection"].map { Array($0.utf8) }

    static func of(_ headers: RequestHeaders) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(1_024)
        var lines: [Range<Int>] = []
        for field in headers.slices where !left.contains(where: { field.name.elementsEqual($0) }) {
            let start = text.count
            text += field.name
            text.append(0x3A)
            text += field.value
            text.append(0x0A)
            lines.append(start..<text.count)
        }
        lines.sort { text[$0].lexicographicallyPrecedes(text[$1]) }
        var sorted: [UInt8] = []
        sorted.reserveCapacity(text.count)
        for line in lines { sorted += text[line] }
        return SHA256.hash(sorted).bytes
    }

    static func of(body: [UInt8]) -> [UInt8] { SHA256.hash(body).bytes }
}

extension RequestHeaders: InboundHeaders {}
