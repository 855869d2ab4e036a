internal import CMicroHTTPD
internal import Glibc

/// An answer written by us, for the moments in which the library takes none: in the middle of a body, and before a
/// connection is cut.
enum RawAnswer {
    /// Sends the answer and closes the sending side; never waits.
    ///
    /// - Returns: false where not all of it went out.
    static func send(_ response: Response, to socket: Int32, isHead: Bool) -> Bool {
        let bytes = bytes(response, isHead: isHead)
        let sent = bytes.withUnsafeBytes {
            Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        shutdown(socket, Int32(SHUT_WR))
        return sent == bytes.count
    }

    static func bytes(_ response: Response, isHead: Bool, at time: time_t = Glibc.time(nil)) -> [UInt8] {
        var body: [UInt8] = []
        if case .bytes(let bytes) = response.body { body = bytes }
        var bytes: [UInt8] = []
        func line(_ parts: String...) {
            for part in parts { bytes += Array(part.utf8) }
            bytes += [UInt8(ascii: "\r"), UInt8(ascii: "\n")]
        }
        let reason = MHD_get_reason_phrase_for(UInt32(response.status)).map { String(cString: $0) } ?? ""
        line("HTTP/1.1 ", String(response.status), " ", reason)
        line("Date: ", date(time))
        line("Connection: close")
        for field in response.headers where isSafe(field) { line(field.name, ": ", field.value) }
        line("Content-Length: ", String(body.count))
        line()
        return isHead ? bytes : bytes + body
    }

    /// Nothing that could end the line; the library judges its own answers so.
    private static func isSafe(_ field: HTTPField) -> Bool {
        !field.name.isEmpty && field.name.utf8.allSatisfy(ASCII.isToken)
            && field.value.utf8.allSatisfy { $0 >= ASCII.space && $0 != ASCII.delete || $0 == ASCII.tab }
    }

    /// IMF-fixdate (RFC 9110 §5.6.7), whatever the locale.
    private static func date(_ time: time_t) -> String {
        var time = time
        var parts = tm()
        gmtime_r(&time, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
