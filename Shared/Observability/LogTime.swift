internal import Glibc

/// The time of a log entry: RFC 3339, UTC, milliseconds.
enum LogTime {
    /// Microseconds since 1970.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    static func append(microseconds: Int64, to line: inout [UInt8]) {
        let milliseconds = floored(microseconds, by: 1_000)
        let days = floored(milliseconds, by: 86_400_000)
        let ofDay = milliseconds - days * 86_400_000
        // Days to a civil date by eras of 400 years that start on 1 March, so that the leap day is the last of its year.
        let shifted = days + 719_468
        let era = floored(shifted, by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        append(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), digits: 4, to: &line)
        line.append(UInt8(ascii: "-"))
        append(month, digits: 2, to: &line)
        line.append(UInt8(ascii: "-"))
        append(dayOfYear - (153 * marchMonth + 2) / 5 + 1, digits: 2, to: &line)
        line.append(UInt8(ascii: "T"))
        append(ofDay / 3_600_000, digits: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(ofDay / 60_000 % 60, digits: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        append(ofDay / 1_000 % 60, digits: 2, to: &line)
        line.append(UInt8(ascii: "."))
        append(ofDay % 1_000, digits: 3, to: &line)
        line.append(UInt8(ascii: "Z"))
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }

    private static func append(_ value: Int64, digits: Int, to line: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            line.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
