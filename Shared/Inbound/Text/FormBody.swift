internal import EventCodec

/// An HTML form in a body (WHATWG URL, `application/x-www-form-urlencoded`).
struct FormBody {
    private var fields: [(name: [UInt8], value: [UInt8])] = []

    /// More would be no form that a webhook sends.
    private static let mostFields = 1_000

    /// Nil for a wrong escape or too many fields.
    init?(_ body: [UInt8]) {
        for item in body.split(separator: 0x26) {
            guard fields.count < Self.mostFields else { return nil }
            let equals = item.firstIndex(of: 0x3D) ?? item.endIndex
            guard let name = PercentText.decode(item[..<equals], plusIsSpace: true),
                let value = PercentText.decode(item[min(equals + 1, item.endIndex)...], plusIsSpace: true)
            else { return nil }
            fields.append((name, value))
        }
    }

    /// The first value of that name.
    subscript(name: String) -> [UInt8]? {
        fields.first { $0.name.elementsEqual(name.utf8) }?.value
    }

    /// An object of the fields' texts, the first of each name.
    var json: [UInt8] {
        var writer = JSONWriter()
        var seen: Set<String> = []
        writer.object { writer in
            for field in fields {
                let name = String(decoding: field.name, as: UTF8.self)
                guard seen.insert(name).inserted else { continue }
                writer.key(dynamic: name)
                writer.string(lossy: field.value)
            }
        }
        return writer.bytes
    }
}

/// Percent-encoding (RFC 3986 §2.1).
enum PercentText {
    /// Nil for an escape without two hexadecimal digits.
    static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            switch text[index] {
            case 0x25:
                guard index + 2 < text.endIndex, let high = digit(text[index + 1]), let low = digit(text[index + 2])
                else { return nil }
                bytes.append(high << 4 | low)
                index += 3
            case 0x2B where plusIsSpace:
                bytes.append(0x20)
                index += 1
            default:
                bytes.append(text[index])
                index += 1
            }
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
