public import EventModel

/// Array columns. An element that is NULL needs the optional form.
extension Rows {
    public func int64Array(_ row: Int, _ column: Int) -> [Int64] {
        array(row, column) { bytes in
            switch bytes.count {
            case 8: bytes.bigEndian()
            case 4: Int64(bytes.bigEndian(Int32.self))
            case 2: Int64(bytes.bigEndian(Int16.self))
            default: mismatch(row, column)
            }
        }
    }

    public func int32Array(_ row: Int, _ column: Int) -> [Int32] {
        array(row, column) { bytes in
            switch bytes.count {
            case 4: bytes.bigEndian()
            case 2: Int32(bytes.bigEndian(Int16.self))
            default: mismatch(row, column)
            }
        }
    }

    public func boolArray(_ row: Int, _ column: Int) -> [Bool] {
        array(row, column) { $0.first != 0 }
    }

    public func textArray(_ row: Int, _ column: Int) -> [String] {
        array(row, column) { String(decoding: $0, as: UTF8.self) }
    }

    public func optionalTextArray(_ row: Int, _ column: Int) -> [String?] {
        optionalArray(row, column) { String(decoding: $0, as: UTF8.self) }
    }

    public func bytesArray(_ row: Int, _ column: Int) -> [[UInt8]] {
        array(row, column) { [UInt8]($0) }
    }

    public func optionalBytesArray(_ row: Int, _ column: Int) -> [[UInt8]?] {
        optionalArray(row, column) { [UInt8]($0) }
    }

    public func timestampArray(_ row: Int, _ column: Int) -> [Timestamp] {
        array(row, column) { bytes in
            guard bytes.count == 8 else { mismatch(row, column) }
            return WireFormat.timestamp(bytes.bigEndian())
        }
    }

    public func ulidArray(_ row: Int, _ column: Int) -> [Ulid] {
        array(row, column) { bytes in
            guard bytes.count == 16 else { mismatch(row, column) }
            return Ulid(high: bytes.bigEndian(), low: bytes.bigEndian(at: 8))
        }
    }

    /// Calls `body` for each element in order, nil for NULL, without making an array. NULL itself has no elements.
    public func forEachElement(_ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard let bytes = raw(row, column) else { return }
        defer { withExtendedLifetime(self) {} }
        guard bytes.count >= 12 else { mismatch(row, column) }
        let dimensions: Int32 = bytes.bigEndian()
        if dimensions == 0 { return }
        guard dimensions == 1, bytes.count >= 20 else { mismatch(row, column) }
        let count: Int32 = bytes.bigEndian(at: 12)
        var offset = 20
        for _ in 0..<count {
            let length = Int(bytes.bigEndian(Int32.self, at: offset))
            offset += 4
            if length < 0 {
                body(nil)
            } else {
                body(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
                offset += length
            }
        }
    }

    private func array<Element>(
        _ row: Int, _ column: Int, _ read: (UnsafeRawBufferPointer) -> Element
    ) -> [Element] {
        guard !isNull(row, column) else { preconditionFailure("row \(row), column \(columnName(column)) is NULL") }
        var elements: [Element] = []
        forEachElement(row, column) { bytes in
            guard let bytes else {
                preconditionFailure("row \(row), column \(columnName(column)) has an element that is NULL")
            }
            elements.append(read(bytes))
        }
        return elements
    }

    private func optionalArray<Element>(
        _ row: Int, _ column: Int, _ read: (UnsafeRawBufferPointer) -> Element
    ) -> [Element?] {
        guard !isNull(row, column) else { preconditionFailure("row \(row), column \(columnName(column)) is NULL") }
        var elements: [Element?] = []
        forEachElement(row, column) { elements.append($0.map(read)) }
        return elements
    }
}
