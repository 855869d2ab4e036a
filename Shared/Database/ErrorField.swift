internal import CLibPQ

/// The fields of a server's error that we read (`postgres_ext.h`). DETAIL and HINT are not among them: they quote rows.
enum ErrorField: UInt8 {
    case severity = 0x56  // V, not localised
    case sqlState = 0x43  // C
    case message = 0x4D  // M
    case constraint = 0x6E  // n

    func text(of result: OpaquePointer) -> String? {
        PQresultErrorField(result, Int32(rawValue)).map { String(cString: $0) }
    }
}

extension DatabaseError {
    /// The error in `result`.
    ///
    /// - Parameter reason: why we cancelled the statement, if we did.
    init(result: OpaquePointer, stopped reason: StatementWatch.Reason?) {
        guard let state = ErrorField.sqlState.text(of: result) else {
            // libpq's own words: about the socket, never about values.
            let text = PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
            self.init(.connection, text.trimmedLine)
            return
        }
        var code = Code(sqlState: state)
        if code == .timeout, state == "57014", reason == .cancelled { code = .cancelled }
        // A session that ends is a lost connection, whatever the state says.
        if let severity = ErrorField.severity.text(of: result), severity == "FATAL" || severity == "PANIC",
            code != .resources, code != .readOnly
        {
            code = .connection
        }
        var message = ErrorField.message.text(of: result) ?? ""
        if code == .data { message = message.beforeItsValue }
        self.init(code, message, sqlState: state, constraint: ErrorField.constraint.text(of: result))
    }
}

extension String {
    /// The first line; libpq ends its messages with a line feed.
    var trimmedLine: String { String(prefix { $0 != "\n" }) }

    /// The part before a quoted value or a colon: `invalid input syntax for type integer: "x"` quotes the value.
    var beforeItsValue: String {
        var text = prefix { $0 != "\"" && $0 != ":" }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
