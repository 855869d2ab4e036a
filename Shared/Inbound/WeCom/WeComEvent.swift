internal import Crypto
internal import EventCodec

/// The plain message of a WeCom callback: XML of apps and suites, or JSON of AI bots.
enum WeComEvent {
    static func read(_ message: [UInt8], receiver: String) throws(InboundRefusal) -> InboundEvent {
        guard message.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) != 0x7B else {
            return try readJSON(message, receiver: receiver)
        }
        let xml = try xml(message)
        let digest = String(SHA256.hash(message).hex.prefix(16))
        let words: [String?]
        let name: String
        var action: String?
        var id: String?
        let key: String
        var answer = InboundAnswer.empty
        if let info = xml["InfoType"] {
            (words, name) = (["wecom", "suite", info], info)
            key = [xml["SuiteId"] ?? "", xml["TimeStamp"] ?? "", info, digest].joined(separator: ":")
            // Suites want this word, anything else counts as a failure.
            answer = .text(Array("success".utf8))
        } else if xml["MsgType"] == "event" {
            let event = xml["Event"] ?? "received"
            action = xml["ChangeType"]
            (words, name) = (["wecom", "event", event, action], event)
            // The documentation's sender and second collide for contacts: all come from `sys`.
            key = [xml["FromUserName"] ?? "", xml["CreateTime"] ?? "", event, action ?? "", digest]
                .joined(separator: ":")
        } else {
            let type = xml["MsgType"] ?? "received"
            (words, name) = (["wecom", type], type)
            id = xml["MsgId"]
            key = id ?? digest
        }
        return InboundEvent(
            type: EventNaming.type(words), name: name, action: action, deliveryID: id,
            dedupeKey: "wecom:\(receiver):\(key)", payload: payload(message, xml), age: nil, answer: answer)
    }

    static func xml(_ text: [UInt8]) throws(InboundRefusal) -> FlatXML {
        do {
            return try FlatXML(text)
        } catch {
            throw InboundRefusal(error.isUnsafe ? .unsafeXML : .malformedBody)
        }
    }

    private static func readJSON(_ message: [UInt8], receiver: String) throws(InboundRefusal) -> InboundEvent {
        let fields = try PayloadFields(message, ["msgid", "msgtype", "event"])
        let type = fields.text("msgtype") ?? "received"
        let action = try fields.object("event", ["eventtype"])?.text("eventtype")
        let id = fields.textOrNumber("msgid")
        return InboundEvent(
            type: EventNaming.type(["wecom", "aibot", type, action]), name: type, action: action, deliveryID: id,
            dedupeKey: "wecom:\(receiver):\(id ?? String(SHA256.hash(message).hex.prefix(16)))", payload: message,
            age: nil, answer: .empty)
    }

    /// The XML as a JSON string, its tickets and tokens taken out.
    private static func payload(_ message: [UInt8], _ xml: FlatXML) -> [UInt8] {
        var text: [UInt8] = []
        var start = 0
        for element in xml.elements where ["SuiteTicket", "Token"].contains(element.name) && !element.text.isEmpty {
            text += message[start..<element.content.lowerBound]
            text += Redaction.mark.utf8
            start = element.content.upperBound
        }
        text += message[start...]
        var writer = JSONWriter(capacity: text.count + 64)
        writer.string(lossy: text)
        return writer.bytes
    }
}
