extension Array {
    /// Takes out the first `count` elements, or all there are.
    package mutating func takeFirst(_ count: Int) -> [Element] {
        if self.count <= count {
            defer { self = [] }
            return self
        }
        defer { removeFirst(count) }
        return Array(self[..<count])
    }
}
