/// Something that is in force from a position on, or says that nothing is.
protocol Ending {
    var fromPos: Int64 { get }
    /// From here on there is nothing.
    var isEnd: Bool { get }
}

/// By rising position; each ends the one before it.
extension Array where Element: Ending {
    /// Whether something of it is over, or will be, so that it can be forgotten one day.
    var hasEnding: Bool { count > 1 || last?.isEnd == true }

    /// Drops what was over at `pos`: no event behind it needs it.
    mutating func forget(before pos: Int64) {
        removeSubrange(..<(lastIndex { $0.fromPos <= pos } ?? 0))
        if count == 1, self[0].isEnd, self[0].fromPos <= pos { self = [] }
    }
}
