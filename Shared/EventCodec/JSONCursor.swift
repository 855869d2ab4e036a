/// A position in a JSON text that moves over one token or value at a time and checks it on its way (RFC 8259).
///
/// The pointer is valid only inside the call that made the cursor; no cursor outlives it.
struct JSONCursor {
    private let text: UnsafePointer<UInt8>
    private(set) var position: Int
    let end: Int
    private let maximumDepth: Int

    init(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int, maximumDepth: Int) {
        self.text = text
        self.position = start
        self.end = end
        self.maximumDepth = maximumDepth
    }

    // MARK: Structure

    var isAtEnd: Bool { position >= end }

    /// The byte here. Only where `isAtEnd` is false.
    var current: UInt8 { text[position] }

    mutating func skipWhitespace() {
        while position < end {
            switch text[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    /// The byte after white space.
    mutating func peek() throws(JSONError) -> UInt8 {
        skipWhitespace()
        guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
        return text[position]
    }

    /// Steps over `byte` after white space; returns false and stays if another one stands there.
    mutating func skip(ifNext byte: UInt8) throws(JSONError) -> Bool {
        guard try peek() == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard try skip(ifNext: byte) else { throw JSONError(.unexpectedCharacter, at: position) }
    }

    /// Throws unless only white space is left.
    mutating func expectEnd() throws(JSONError) {
        skipWhitespace()
        guard position >= end else { throw JSONError(.trailingBytes, at: position) }
    }

    /// Steps into the container whose bracket stands here.
    /// - Parameter depth: How many containers lie around it.
    mutating func enter(depth: Int) throws(JSONError) {
        guard depth < maximumDepth else { throw JSONError(.tooDeep, at: position) }
        position += 1
    }

    // MARK: Values

    /// Steps over a value and says what and where it was.
    /// - Parameter depth: How many containers lie around it.
    mutating func readValue(depth: Int) throws(JSONError) -> JSONSpan {
        let first = try peek()
        let start = position
        var kind: JSONKind
        var hasEscapes = false
        switch first {
        case 0x22:
            kind = .string
            hasEscapes = try skipString()
        case 0x7B:
            kind = .object
            try skipContainers(depth: depth)
        case 0x5B:
            kind = .array
            try skipContainers(depth: depth)
        default:
            kind = try skipScalar(first)
        }
        return JSONSpan(start: start, end: position, kind: kind, hasEscapes: hasEscapes)
    }

    /// Steps over a number or literal that begins with `first`, which stands here.
    private mutating func skipScalar(_ first: UInt8) throws(JSONError) -> JSONKind {
        switch first {
        case 0x2D, 0x30...0x39:
            try skipNumber()
            return .number
        case 0x74:
            try skipLiteral(0x6575_7274, length: 4)
            return .true
        case 0x66:
            try skipLiteral(0x65_736C_6166, length: 5)
            return .false
        case 0x6E:
            try skipLiteral(0x6C6C_756E, length: 4)
            return .null
        default:
            throw JSONError(.unexpectedCharacter, at: position)
        }
    }

    /// Steps over the object or array that begins here, without recursion: the stack is one bit a level in `objects`.
    private mutating func skipContainers(depth: Int) throws(JSONError) {
        var objects: UInt64 = 0
        var level = 0
        repeat {
            // A value begins at `position`, white space skipped.
            let first = text[position]
            switch first {
            case 0x22:
                _ = try skipString()
            case 0x7B, 0x5B:
                guard depth + level < maximumDepth else { throw JSONError(.tooDeep, at: position) }
                position += 1
                let isObject = first == 0x7B
                // Closing brackets are their opening ones + 2.
                if try peek() == first + 2 {
                    position += 1
                } else {
                    objects = objects << 1 | (isObject ? 1 : 0)
                    level += 1
                    if isObject { try skipKey() }
                    continue
                }
            default:
                _ = try skipScalar(first)
            }
            // A value has ended: close what ends with it, or go to the next one.
            while level > 0 {
                let next = try peek()
                let isObject = objects & 1 == 1
                if next == 0x2C {
                    position += 1
                    if isObject { try skipKey() } else { _ = try peek() }
                    break
                }
                guard next == (isObject ? 0x7D : 0x5D) else { throw JSONError(.unexpectedCharacter, at: position) }
                position += 1
                objects >>= 1
                level -= 1
            }
        } while level > 0
    }

    /// Steps over a key and its colon, up to the first byte of the value.
    private mutating func skipKey() throws(JSONError) {
        guard try peek() == 0x22 else { throw JSONError(.unexpectedCharacter, at: position) }
        _ = try skipString()
        try expect(0x3A)
        _ = try peek()
    }

    /// Reads a key and its colon.
    mutating func readKey() throws(JSONError) -> JSONSpan {
        guard try peek() == 0x22 else { throw JSONError(.unexpectedCharacter, at: position) }
        let start = position
        let hasEscapes = try skipString()
        let key = JSONSpan(start: start, end: position, kind: .string, hasEscapes: hasEscapes)
        try expect(0x3A)
        return key
    }

    // MARK: Scalars

    private mutating func skipLiteral(_ letters: UInt64, length: Int) throws(JSONError) {
        for index in 0..<length {
            guard position + index < end else { throw JSONError(.unexpectedEnd, at: end) }
            guard text[position + index] == UInt8(truncatingIfNeeded: letters >> UInt64(index * 8)) else {
                throw JSONError(.invalidLiteral, at: position)
            }
        }
        position += length
    }

    private mutating func skipNumber() throws(JSONError) {
        let start = position
        if text[position] == 0x2D { position += 1 }
        guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
        if text[position] == 0x30 {
            position += 1
            // `01` is the mistake that the grammar forbids by name.
            if isDigitHere { throw JSONError(.invalidNumber, at: start) }
        } else {
            try skipDigits(of: start)
        }
        if position < end, text[position] == 0x2E {
            position += 1
            try skipDigits(of: start)
        }
        if position < end, text[position] | 0x20 == 0x65 {
            position += 1
            if position < end, text[position] == 0x2B || text[position] == 0x2D { position += 1 }
            try skipDigits(of: start)
        }
    }

    private var isDigitHere: Bool { position < end && text[position] &- 0x30 < 10 }

    private mutating func skipDigits(of number: Int) throws(JSONError) {
        guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
        guard isDigitHere else { throw JSONError(.invalidNumber, at: number) }
        repeat { position += 1 } while isDigitHere
    }

    // MARK: Strings

    /// Steps over the string whose opening quote stands here. True if it has an escape sequence.
    private mutating func skipString() throws(JSONError) -> Bool {
        var hasEscapes = false
        position += 1
        while true {
            skipPlainCharacters()
            guard position < end else { throw JSONError(.unexpectedEnd, at: end) }
            switch text[position] {
            case 0x22:
                position += 1
                return hasEscapes
            case 0x5C:
                hasEscapes = true
                try skipEscape()
            case 0x80...0xFF:
                try skipMultibyteCharacters()
            case 0x00...0x1F:
                throw JSONError(.controlCharacter, at: position)
            default:
                // The last bytes of the text, fewer than a word.
                position += 1
            }
        }
    }

    /// Moves on while whole words of eight bytes hold nothing but plain ASCII, then to the first byte of the next word that
    /// is something else.
    private mutating func skipPlainCharacters() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position + 8 <= end {
            let word = UInt64(
                littleEndian: UnsafeRawPointer(text + position).loadUnaligned(as: UInt64.self))
            // A byte's high bit is set in each term where the byte is what the term looks for. A borrow can only set bits
            // above the first hit, and only the first hit is used.
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let hits =
                ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word | word)
                & highs
            guard hits == 0 else {
                position += hits.trailingZeroBitCount >> 3
                return
            }
            position += 8
        }
    }

    private mutating func skipEscape() throws(JSONError) {
        guard position + 1 < end else { throw JSONError(.unexpectedEnd, at: end) }
        switch text[position + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74:
            position += 2
        case 0x75:
            let start = position
            switch try readCodeUnit() {
            case 0xD800...0xDBFF:
                guard position + 1 < end, text[position] == 0x5C, text[position + 1] == 0x75,
                    case 0xDC00...0xDFFF = try readCodeUnit()
                else { throw JSONError(.loneSurrogate, at: start) }
            case 0xDC00...0xDFFF:
                throw JSONError(.loneSurrogate, at: start)
            default:
                break
            }
        default:
            throw JSONError(.invalidEscape, at: position)
        }
    }

    /// Reads `\uXXXX`, of which the first two bytes have been seen.
    private mutating func readCodeUnit() throws(JSONError) -> UInt16 {
        guard position + 6 <= end else { throw JSONError(.unexpectedEnd, at: end) }
        var unit: UInt16 = 0
        for index in 2..<6 {
            guard let digit = JSONText.hexValue(of: text[position + index]) else {
                throw JSONError(.invalidEscape, at: position)
            }
            unit = unit << 4 | digit
        }
        position += 6
        return unit
    }

    /// Steps over characters of two to four bytes, as Unicode 15 table 3-7 allows them: no overlong form, no surrogate,
    /// nothing above U+10FFFF.
    private mutating func skipMultibyteCharacters() throws(JSONError) {
        while position < end, text[position] >= 0x80 {
            let length: Int
            let second: ClosedRange<UInt8>
            switch text[position] {
            case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: throw JSONError(.invalidUTF8, at: position)
            }
            guard position + length <= end, second.contains(text[position + 1]),
                length < 3 || text[position + 2] & 0xC0 == 0x80, length < 4 || text[position + 3] & 0xC0 == 0x80
            else { throw JSONError(.invalidUTF8, at: position) }
            position += length
        }
    }
}
