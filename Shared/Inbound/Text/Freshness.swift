/// Whether a signed time is near enough.
enum Freshness {
    /// The seconds that a text of digits says; nil for anything else.
    static func seconds(_ text: some StringProtocol) -> Int64? {
        guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }

    /// - Returns: The age in seconds, negative for a time that is still to come.
    /// - Throws: `malformedHeader` where the text is no time, `staleTimestamp` beyond the tolerance (which itself passes).
    static func check(_ text: String, now: Int64, tolerance: Int64) throws(InboundRefusal) -> Int64 {
        guard let seconds = seconds(text) else { throw InboundRefusal(.malformedHeader) }
        return try check(seconds: seconds, now: now, tolerance: tolerance)
    }

    static func check(seconds: Int64, now: Int64, tolerance: Int64) throws(InboundRefusal) -> Int64 {
        let age = now - seconds
        guard abs(age) <= tolerance else { throw InboundRefusal(.staleTimestamp, age: age) }
        return age
    }
}
