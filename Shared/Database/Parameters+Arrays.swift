public import EventModel

/// Arrays from Swift arrays: convenient; `addArray(of:_:)` is the way for hot paths.
extension Parameters {
    public mutating func add(bools values: [Bool]) {
        addArray(of: .bool, reservingBytes: values.count * 5) { for value in values { $0.append(value) } }
    }

    public mutating func add(int16s values: [Int16]) {
        addArray(of: .int16, reservingBytes: values.count * 6) { for value in values { $0.append(value) } }
    }

    public mutating func add(int32s values: [Int32]) {
        addArray(of: .int32, reservingBytes: values.count * 8) { for value in values { $0.append(value) } }
    }

    public mutating func add(optionalInt32s values: [Int32?]) {
        addArray(of: .int32, reservingBytes: values.count * 8) { $0.append(each: values) { $0.append($1) } }
    }

    public mutating func add(int64s values: [Int64]) {
        addArray(of: .int64, reservingBytes: values.count * 12) { for value in values { $0.append(value) } }
    }

    public mutating func add(optionalInt64s values: [Int64?]) {
        addArray(of: .int64, reservingBytes: values.count * 12) { $0.append(each: values) { $0.append($1) } }
    }

    public mutating func add(doubles values: [Double]) {
        addArray(of: .double, reservingBytes: values.count * 12) { for value in values { $0.append(value) } }
    }

    public mutating func add(texts values: [String]) {
        addArray(of: .text) { for value in values { $0.append(value) } }
    }

    public mutating func add(optionalTexts values: [String?]) {
        addArray(of: .text) { $0.append(each: values) { $0.append($1) } }
    }

    public mutating func add(byteas values: [[UInt8]]) {
        addArray(of: .bytes) { for value in values { $0.append(value) } }
    }

    public mutating func add(optionalByteas values: [[UInt8]?]) {
        addArray(of: .bytes) { $0.append(each: values) { $0.append($1) } }
    }

    /// JSON documents, as UTF-8.
    public mutating func add(jsons values: [[UInt8]]) {
        addArray(of: .json) { for value in values { $0.append(value) } }
    }

    public mutating func add(timestamps values: [Timestamp]) {
        addArray(of: .timestamp, reservingBytes: values.count * 12) { for value in values { $0.append(value) } }
    }

    public mutating func add(optionalTimestamps values: [Timestamp?]) {
        addArray(of: .timestamp, reservingBytes: values.count * 12) { $0.append(each: values) { $0.append($1) } }
    }

    /// `uuid`s of the same 16 bytes.
    public mutating func add(ulids values: [Ulid]) {
        addArray(of: .ulid, reservingBytes: values.count * 20) { for value in values { $0.append(value) } }
    }

    public mutating func add(optionalUlids values: [Ulid?]) {
        addArray(of: .ulid, reservingBytes: values.count * 20) { $0.append(each: values) { $0.append($1) } }
    }
}

extension ArrayBuilder {
    /// Appends all, nil as NULL.
    fileprivate mutating func append<Value>(each values: [Value?], _ body: (inout ArrayBuilder, Value) -> Void) {
        for value in values {
            if let value { body(&self, value) } else { appendNull() }
        }
    }
}
