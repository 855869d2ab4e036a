extension JSONCursor {
    /// Reads the object that begins here; `member` reads the value of each key.
    /// - Parameter depth: How many containers lie around the object.
    mutating func readObject(
        depth: Int, _ member: (inout JSONCursor, JSONSpan) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard try peek() == 0x7B else { throw JSONError(.notAnObject, at: position) }
        try enter(depth: depth)
        if try skip(ifNext: 0x7D) { return }
        while true {
            let key = try readKey()
            try member(&self, key)
            if try skip(ifNext: 0x7D) { return }
            try expect(0x2C)
        }
    }

    /// Reads the array that begins here; `element` reads each of its values.
    mutating func readArray(
        depth: Int, _ element: (inout JSONCursor) throws(JSONError) -> Void
    ) throws(JSONError) {
        try enter(depth: depth)
        if try skip(ifNext: 0x5D) { return }
        while true {
            try element(&self)
            if try skip(ifNext: 0x5D) { return }
            try expect(0x2C)
        }
    }
}
