internal import Encodings
public import EventModel

/// Points of time as RFC 3339 text. Strict on input, one form on output.
public enum RFC3339 {
    /// How many bytes `append` writes: `2026-06-11T08:00:00.000Z`.
    public static let length = 24

    /// 0001-01-01T00:00:00Z and the last microsecond of the year 9999: what four digits can say.
    public static let range =
        Timestamp(seconds: -62_135_596_800)...Timestamp(microseconds: 253_402_300_799_999_999)

    /// Appends the time in UTC with milliseconds, rounded down. A time outside `range` is written as the nearest inside.
    public static func append(_ time: Timestamp, to text: inout [UInt8]) {
        let time = min(max(time, range.lowerBound), range.upperBound)
        let (days, milliseconds) = floorDivide(time.milliseconds, by: 86_400_000)
        let date = CivilDate(daysSince1970: days)
        append(date.year, digits: 4, to: &text)
        text.append(0x2D)
        append(date.month, digits: 2, to: &text)
        text.append(0x2D)
        append(date.day, digits: 2, to: &text)
        text.append(0x54)
        append(milliseconds / 3_600_000, digits: 2, to: &text)
        text.append(0x3A)
        append(milliseconds / 60_000 % 60, digits: 2, to: &text)
        text.append(0x3A)
        append(milliseconds / 1_000 % 60, digits: 2, to: &text)
        text.append(0x2E)
        append(milliseconds % 1_000, digits: 3, to: &text)
        text.append(0x5A)
    }

    public static func format(_ time: Timestamp) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(length)
        append(time, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ number: Int64, digits: Int, to text: inout [UInt8]) {
        var divisor: Int64 = digits == 4 ? 1_000 : digits == 3 ? 100 : 10
        while divisor > 0 {
            text.append(0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    /// Longer texts are refused unread: 19 characters, a fraction of at most 32 digits, an offset.
    private static let maximumLength = 58

    /// Reads `date-time` of RFC 3339 §5.6, upper-case `T` and `Z`; any offset, any number of decimals (cut to microseconds).
    /// Nil for everything else: a day that the month has not, hour 24, a leap second, a year below 1, a space for the `T`.
    public static func parse(_ text: Span<UInt8>) -> Timestamp? {
        guard (20...maximumLength).contains(text.count) else { return nil }
        return text.withUnsafeBytes { bytes in
            var fields = Fields(bytes)
            return fields.readTime()
        }
    }

    public static func parse(_ text: String) -> Timestamp? { parse(text.utf8.span) }

    /// Reads the fields from left to right.
    private struct Fields {
        private let text: UnsafeRawBufferPointer
        private var index = 0

        init(_ text: UnsafeRawBufferPointer) { self.text = text }

        mutating func readTime() -> Timestamp? {
            guard let year = readNumber(digits: 4), skip(0x2D), let month = readNumber(digits: 2), skip(0x2D),
                let day = readNumber(digits: 2), skip(0x54), let hour = readNumber(digits: 2), skip(0x3A),
                let minute = readNumber(digits: 2), skip(0x3A), let second = readNumber(digits: 2),
                let date = CivilDate(year: year, month: month, day: day), hour < 24, minute < 60, second < 60,
                let fraction = readFraction(), let offset = readOffset(), index == text.count
            else { return nil }
            let seconds = date.daysSince1970 * 86_400 + hour * 3_600 + minute * 60 + second - offset
            let time = Timestamp(microseconds: seconds * 1_000_000 + fraction)
            return RFC3339.range.contains(time) ? time : nil
        }

        private mutating func skip(_ byte: UInt8) -> Bool {
            guard index < text.count, text[index] == byte else { return false }
            index += 1
            return true
        }

        private mutating func readNumber(digits: Int) -> Int64? {
            guard index + digits <= text.count else { return nil }
            var number: Int64 = 0
            for byte in text[index..<(index + digits)] {
                guard byte &- 0x30 < 10 else { return nil }
                number = number * 10 + Int64(byte - 0x30)
            }
            index += digits
            return number
        }

        /// Microseconds; 0 where there is no fraction; nil where a point has no digits.
        private mutating func readFraction() -> Int64? {
            guard skip(0x2E) else { return 0 }
            var microseconds: Int64 = 0
            var worth: Int64 = 100_000
            let start = index
            while index < text.count, text[index] &- 0x30 < 10 {
                microseconds += Int64(text[index] - 0x30) * worth
                worth /= 10
                index += 1
            }
            return index > start ? microseconds : nil
        }

        /// Seconds east of UTC.
        private mutating func readOffset() -> Int64? {
            if skip(0x5A) { return 0 }
            let sign: Int64 = skip(0x2B) ? 1 : -1
            guard sign > 0 || skip(0x2D), let hours = readNumber(digits: 2), skip(0x3A),
                let minutes = readNumber(digits: 2), hours < 24, minutes < 60
            else { return nil }
            return sign * (hours * 3_600 + minutes * 60)
        }
    }
}

/// A day of the proleptic Gregorian calendar. The arithmetic counts years from March and in eras of 400 years, so that leap
/// days fall at the end of a year and every era is alike.
struct CivilDate: Hashable {
    let year: Int64
    let month: Int64
    let day: Int64

    init(daysSince1970 days: Int64) {
        // 0000-03-01 is 719 468 days before 1970; an era has 146 097 days.
        let (era, dayOfEra) = floorDivide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        self.day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        self.month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        self.year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Nil for a day that does not exist, and for years outside 1–9999.
    init?(year: Int64, month: Int64, day: Int64) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        self.year = year
        self.month = month
        self.day = day
        // The months' lengths follow from the arithmetic: a day too many reads back as another date.
        guard day <= 31, CivilDate(daysSince1970: daysSince1970) == self else { return nil }
    }

    var daysSince1970: Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(marchYear, by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

/// Quotient rounded down, and a remainder that is never negative.
func floorDivide(_ number: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}
