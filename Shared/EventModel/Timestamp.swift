/// A point of wall-clock time, in microseconds since 1970 (UTC). The resolution is Postgres' own.
public struct Timestamp: Hashable, Sendable, Comparable {
    public var microseconds: Int64

    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    public init(milliseconds: Int64) {
        self.microseconds = milliseconds * 1_000
    }

    public init(seconds: Int64) {
        self.microseconds = seconds * 1_000_000
    }

    /// Milliseconds since 1970, rounded down.
    public var milliseconds: Int64 { microseconds >= 0 ? microseconds / 1_000 : (microseconds - 999) / 1_000 }

    /// Seconds since 1970, rounded down.
    public var seconds: Int64 { microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000 }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    public func adding(microseconds: Int64) -> Timestamp { Timestamp(microseconds: self.microseconds + microseconds) }
    public func adding(milliseconds: Int64) -> Timestamp { adding(microseconds: milliseconds * 1_000) }
    public func adding(seconds: Int64) -> Timestamp { adding(microseconds: seconds * 1_000_000) }

    /// Microseconds from `earlier` to this.
    public func microseconds(since earlier: Timestamp) -> Int64 { microseconds - earlier.microseconds }
}

/// Where wall-clock time comes from. Tests bring their own.
public protocol WallClock: Sendable {
    func now() -> Timestamp
}
