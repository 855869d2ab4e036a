/// A flat table of every value of a JSON text: what a query needs to move around in it, without a tree.
///
/// One allocation for the table, 32 bytes a value. Values stand in the text's order, each container before what it holds,
/// so the descendants of a value are the consecutive values behind it. The text is kept as it came; strings are compared
/// where they lie.
public struct JSONOutline: Sendable {
    struct Value {
        var start: UInt32
        var end: UInt32
        /// Where the member's key lies, quotes included; both 0 where this is no member of an object.
        var keyStart: UInt32 = 0
        var keyEnd: UInt32 = 0
        /// The first value that does not lie in this one.
        var next: UInt32 = 0
        var parent: UInt32
        /// Members or elements.
        var count: UInt32 = 0
        var kind: JSONKind
        var hasEscapes: Bool
        var keyHasEscapes = false
    }

    /// The text that was read.
    public let text: [UInt8]
    private(set) var values: [Value] = []

    /// The outermost value.
    public static let root = 0

    /// How many values a text may hold: a million take 32 MB.
    public static let maximumValues = 1 << 20

    /// - Throws: what the scanner finds; `tooLarge` for more than `maximumValues` values, or 2 GiB.
    public init(_ text: [UInt8], limits: JSONLimits = .standard, maximumValues: Int = maximumValues) throws(JSONError) {
        guard text.count <= Int(Int32.max) else { throw JSONError(.tooLarge, at: Int(Int32.max)) }
        var values: [Value] = []
        values.reserveCapacity(text.count / 16 + 1)
        try JSONScanner.scan(text.span, limits) { (cursor: inout JSONCursor, _) throws(JSONError) in
            try cursor.outline(&values, maximumValues: maximumValues)
            try cursor.expectEnd()
        }
        self.text = text
        self.values = values
    }

    /// How many values there are, containers included.
    public var count: Int { values.count }

    public func kind(of value: Int) -> JSONKind { values[value].kind }

    /// Where the value lies in the text; a string with its quotes.
    public func range(of value: Int) -> Range<Int> { Int(values[value].start)..<Int(values[value].end) }

    /// The value's bytes in the text, as they were written.
    public func bytes(of value: Int) -> ArraySlice<UInt8> { text[range(of: value)] }

    /// How many members or elements it has; 0 for what is no container.
    public func childCount(of value: Int) -> Int { Int(values[value].count) }

    /// The first value behind everything that lies in this one; equal to `value + 1` where nothing does.
    public func end(of value: Int) -> Int { Int(values[value].next) }

    /// The container; nil for the root.
    public func parent(of value: Int) -> Int? { value == Self.root ? nil : Int(values[value].parent) }

    // MARK: Members

    /// The value of the member `name` (UTF-8, escapes resolved). The last one where the name stands twice, as most parsers
    /// read it.
    public func member(_ name: [UInt8], of object: Int) -> Int? {
        guard values[object].kind == .object else { return nil }
        var found: Int?
        var child = object + 1
        let end = end(of: object)
        while child < end {
            if isKey(of: child, name) { found = child }
            child = self.end(of: child)
        }
        return found
    }

    /// Whether the value is the member `name` of its object.
    func isKey(of value: Int, _ name: [UInt8]) -> Bool {
        let entry = values[value]
        let (start, end) = (Int(entry.keyStart) + 1, Int(entry.keyEnd) - 1)
        guard !entry.keyHasEscapes else { return key(of: value).map { $0 == name } ?? false }
        guard end - start == name.count else { return false }
        return text.withUnsafeBufferPointer { text in
            for index in 0..<name.count where text[start + index] != name[index] { return false }
            return true
        }
    }

    /// The key of an object's member, escapes resolved; nil for what is no member.
    public func key(of value: Int) -> [UInt8]? {
        let entry = values[value]
        guard entry.keyEnd > 0 else { return nil }
        let content = text[(Int(entry.keyStart) + 1)..<(Int(entry.keyEnd) - 1)]
        return entry.keyHasEscapes ? content.withUnsafeBytes { JSONText.unescaped($0) } : Array(content)
    }

    /// The element at `index`, from the front.
    public func element(_ index: Int, of array: Int) -> Int? {
        guard values[array].kind == .array, index >= 0, index < childCount(of: array) else { return nil }
        var child = array + 1
        for _ in 0..<index { child = end(of: child) }
        return child
    }

    // MARK: Scalars

    /// Runs `body` with the string's characters as UTF-8; nil where the value is no string.
    public func withString<Result>(
        of value: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result? {
        let entry = values[value]
        guard entry.kind == .string else { return nil }
        return text.withUnsafeBytes { text in
            let content = UnsafeRawBufferPointer(rebasing: text[(Int(entry.start) + 1)..<(Int(entry.end) - 1)])
            return entry.hasEscapes ? JSONText.unescaped(content).withUnsafeBytes(body) : body(content)
        }
    }

    /// The string's characters; nil where the value is no string.
    public func string(of value: Int) -> String? {
        withString(of: value) { String(decoding: $0, as: UTF8.self) }
    }
}

extension JSONCursor {
    /// A container that has begun and not ended.
    private struct Open {
        let value: Int
        let isObject: Bool
    }

    /// Appends the value that begins here and everything in it, without recursion.
    fileprivate mutating func outline(
        _ values: inout [JSONOutline.Value], maximumValues: Int
    ) throws(JSONError) {
        var open: [Open] = []
        repeat {
            var key: JSONSpan?
            if open.last?.isObject == true { key = try readKey() }
            let first = try peek()
            guard values.count < maximumValues else { throw JSONError(.tooLarge, at: position) }
            let index = values.count
            let isContainer = first == 0x7B || first == 0x5B
            let span =
                isContainer
                ? JSONSpan(start: position, end: position, kind: first == 0x7B ? .object : .array)
                : try readValue(depth: open.count)
            values.append(JSONOutline.Value(span, key: key, parent: open.last?.value ?? 0))
            if let parent = open.last { values[parent.value].count += 1 }
            if isContainer {
                try enter(depth: open.count)
                // Closing brackets are their opening ones + 2.
                if try !skip(ifNext: first + 2) {
                    open.append(Open(value: index, isObject: first == 0x7B))
                    continue
                }
                values[index].end = UInt32(position)
            }
            values[index].next = UInt32(values.count)
            // Close what ends with this value.
            while let last = open.last {
                if try skip(ifNext: 0x2C) { break }
                try expect(last.isObject ? 0x7D : 0x5D)
                values[last.value].end = UInt32(position)
                values[last.value].next = UInt32(values.count)
                open.removeLast()
            }
        } while !open.isEmpty
    }
}

extension JSONOutline.Value {
    fileprivate init(_ span: JSONSpan, key: JSONSpan?, parent: Int) {
        self.init(
            start: UInt32(span.start), end: UInt32(span.end), keyStart: UInt32(key?.start ?? 0),
            keyEnd: UInt32(key?.end ?? 0), parent: UInt32(parent), kind: span.kind, hasEscapes: span.hasEscapes,
            keyHasEscapes: key?.hasEscapes ?? false)
    }
}
