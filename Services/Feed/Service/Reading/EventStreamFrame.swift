internal import EventCodec

/// Events as server-sent events (WHATWG HTML §9.2): `id:` is the cursor, there is no `event:`, so that every client's
/// `onmessage` gets them.
enum EventStreamFrame {
    static let opening = Array(": open\n\n".utf8)
    static let heartbeat = Array(": heartbeat\n\n".utf8)

    private static let lineFeed: UInt8 = 0x0A
    private static let carriageReturn: UInt8 = 0x0D

    static func append(_ envelope: [UInt8], cursor: FeedCursor, to bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + envelope.count + 64)
        bytes += "id: ".utf8
        bytes += cursor.text.utf8
        bytes += "\ndata: ".utf8
        // A line end between two tokens of a publisher's JSON would end the field: each line is one `data:`, which the
        // client joins again.
        var lines = envelope[...]
        while let end = lines.firstIndex(where: { $0 == lineFeed || $0 == carriageReturn }) {
            bytes += lines[..<end]
            bytes += "\ndata: ".utf8
            let isPair = lines[end] == carriageReturn && end + 1 < lines.endIndex && lines[end + 1] == lineFeed
            lines = lines[(end + (isPair ? 2 : 1))...]
        }
        bytes += lines
        bytes += "\n\n".utf8
    }
}
