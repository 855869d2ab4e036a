/// An event of a stream.
struct StreamEvent: Sendable, Hashable {
    /// Where to go on after it.
    var id: String?
    var data: [UInt8]
}

/// Reads `text/event-stream` (WHATWG HTML §9.2.6) piece by piece.
struct ServerSentEvents {
    private var line: [UInt8] = []
    private var lastWasCarriageReturn = false
    private var id: String?
    private var data: [UInt8] = []
    private var hasData = false

    /// The events that are complete with this piece.
    mutating func read(_ piece: [UInt8]) -> [StreamEvent] {
        var events: [StreamEvent] = []
        var rest = piece[...]
        // A line feed that belongs to the carriage return at the end of the piece before.
        if lastWasCarriageReturn, rest.first == 0x0A { rest = rest.dropFirst() }
        lastWasCarriageReturn = false
        while let end = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
            line += rest[..<end]
            let next = end + 1
            if rest[end] == 0x0D, next == rest.endIndex { lastWasCarriageReturn = true }
            let isPair = rest[end] == 0x0D && next < rest.endIndex && rest[next] == 0x0A
            rest = rest[(isPair ? next + 1 : next)...]
            if let event = endLine() { events.append(event) }
        }
        line += rest
        return events
    }

    private mutating func endLine() -> StreamEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if line.isEmpty {
            defer {
                data.removeAll()
                hasData = false
            }
            return hasData ? StreamEvent(id: id, data: data) : nil
        }
        let colon = line.firstIndex(of: 0x3A) ?? line.endIndex
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == 0x20 { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "data":
            if hasData { data.append(0x0A) }
            data += value
            hasData = true
        case "id": id = String(decoding: value, as: UTF8.self)
        // A comment has no name; other fields do not concern us.
        default: break
        }
        return nil
    }
}
