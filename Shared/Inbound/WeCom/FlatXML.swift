/// The small XML of WeCom: one root, elements inside, texts and CDATA. No document type, no entities but the five of XML and
/// numbers, no external anything; depth and size are bounded. Linear in the text.
///
///     let xml = try FlatXML(body)
///     xml["Encrypt"]
public struct FlatXML: Sendable {
    public struct Failure: Error, Hashable, Sendable {
        /// A document type or an entity of its own: never what WeCom sends.
        public var isUnsafe = false
    }

    /// An element directly below the root.
    public struct Element: Sendable {
        public var name: String
        /// Its text, entities resolved; that of elements inside is left out.
        public var text: String
        /// Where its content lies, between its tags.
        public var content: Range<Int>
    }

    public static let maximumDepth = 16
    public static let maximumElements = 4_096

    /// In order; names may repeat.
    public private(set) var elements: [Element] = []

    /// - Throws: `Failure`.
    public init(_ text: [UInt8]) throws(Failure) {
        var reader = FlatXMLReader(text)
        elements = try reader.read()
    }

    /// The text of the first element of that name.
    public subscript(name: String) -> String? { elements.first { $0.name == name }?.text }
}

struct FlatXMLReader {
    private let text: [UInt8]
    private var index = 0
    private var stack: [[UInt8]] = []
    private var elements: [FlatXML.Element] = []
    private var current: [UInt8] = []
    private var contentStart = 0
    private var count = 0
    private var isRootClosed = false

    init(_ text: [UInt8]) {
        self.text = text
    }

    mutating func read() throws(FlatXML.Failure) -> [FlatXML.Element] {
        if starts(with: "\u{FEFF}") { index += 3 }
        if starts(with: "<?xml") { try skip(past: "?>") }
        while index < text.count {
            if text[index] == 0x3C { try readMarkup() } else { try readText() }
        }
        guard isRootClosed else { throw FlatXML.Failure() }
        return elements
    }

    private mutating func readMarkup() throws(FlatXML.Failure) {
        if starts(with: "<![CDATA[") {
            guard !stack.isEmpty else { throw FlatXML.Failure() }
            index += 9
            let start = index
            try skip(past: "]]>")
            keep(text[start..<(index - 3)])
        } else if starts(with: "<!--") {
            index += 4
            try skip(past: "-->")
        } else if starts(with: "<!") || starts(with: "<?") {
            // A document type, an entity, a processing instruction: nothing that WeCom sends.
            throw FlatXML.Failure(isUnsafe: true)
        } else if starts(with: "</") {
            try readEnd()
        } else {
            try readStart()
        }
    }

    private mutating func readStart() throws(FlatXML.Failure) {
        let tagStart = index
        index += 1
        let name = try readName()
        var isEmpty = false
        // Attributes are skipped; a quoted `>` belongs to its value.
        var quote: UInt8?
        while true {
            guard index < text.count else { throw FlatXML.Failure() }
            let byte = text[index]
            index += 1
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == 0x22 || byte == 0x27 {
                quote = byte
            } else if byte == 0x3C {
                throw FlatXML.Failure()
            } else if byte == 0x3E {
                isEmpty = text[index - 2] == 0x2F
                break
            }
        }
        guard !isRootClosed || !stack.isEmpty, stack.count < FlatXML.maximumDepth else { throw FlatXML.Failure() }
        count += 1
        guard count <= FlatXML.maximumElements, tagStart < index else { throw FlatXML.Failure() }
        stack.append(name)
        if stack.count == 2 {
            current = []
            contentStart = index
        }
        if isEmpty { close(contentEnd: index) }
    }

    private mutating func readEnd() throws(FlatXML.Failure) {
        let end = index
        index += 2
        let name = try readName()
        while index < text.count, isBlank(text[index]) { index += 1 }
        guard index < text.count, text[index] == 0x3E, stack.last == name else { throw FlatXML.Failure() }
        index += 1
        close(contentEnd: end)
    }

    private mutating func close(contentEnd: Int) {
        guard let name = stack.popLast() else { return }
        if stack.count == 1 {
            elements.append(
                FlatXML.Element(
                    name: String(decoding: name, as: UTF8.self), text: String(decoding: current, as: UTF8.self),
                    content: contentStart..<max(contentStart, contentEnd)))
        }
        if stack.isEmpty { isRootClosed = true }
    }

    private mutating func readText() throws(FlatXML.Failure) {
        let start = index
        var resolved: [UInt8] = []
        while index < text.count, text[index] != 0x3C {
            if text[index] == 0x26 {
                resolved.append(contentsOf: try readEntity())
            } else {
                resolved.append(text[index])
                index += 1
            }
        }
        guard !stack.isEmpty || text[start..<index].allSatisfy(isBlank) else { throw FlatXML.Failure() }
        keep(resolved[...])
    }

    private mutating func readEntity() throws(FlatXML.Failure) -> [UInt8] {
        // The longest: `&#x10FFFF;`.
        guard let end = text[index...].prefix(10).firstIndex(of: 0x3B) else { throw FlatXML.Failure() }
        let name = String(decoding: text[(index + 1)..<end], as: UTF8.self)
        index = end + 1
        switch name {
        case "lt": return [0x3C]
        case "gt": return [0x3E]
        case "amp": return [0x26]
        case "quot": return [0x22]
        case "apos": return [0x27]
        default: break
        }
        let value = name.hasPrefix("#x") ? UInt32(name.dropFirst(2), radix: 16) : UInt32(name.dropFirst())
        guard name.hasPrefix("#"), let value, value != 0, let scalar = Unicode.Scalar(value) else {
            throw FlatXML.Failure()
        }
        return Array(String(scalar).utf8)
    }

    private mutating func readName() throws(FlatXML.Failure) -> [UInt8] {
        let start = index
        while index < text.count, !isBlank(text[index]), text[index] != 0x3E, text[index] != 0x2F, text[index] != 0x3C {
            index += 1
        }
        guard index > start, index - start <= 128 else { throw FlatXML.Failure() }
        return Array(text[start..<index])
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        if stack.count == 2 { current.append(contentsOf: bytes) }
    }

    private mutating func skip(past mark: StaticString) throws(FlatXML.Failure) {
        while index < text.count {
            if starts(with: mark) {
                index += mark.utf8CodeUnitCount
                return
            }
            index += 1
        }
        throw FlatXML.Failure()
    }

    private func starts(with mark: StaticString) -> Bool {
        let count = mark.utf8CodeUnitCount
        guard index + count <= text.count else { return false }
        for offset in 0..<count where text[index + offset] != mark.utf8Start[offset] { return false }
        return true
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
}
