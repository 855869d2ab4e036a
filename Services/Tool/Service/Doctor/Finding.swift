internal import EventCodec

/// What a check of `fanfare doctor` found.
struct Finding: Sendable, Hashable {
    enum Level: String, Sendable {
        case good = "ok"
        /// Works, and should not stay so.
        case warning
        case failed
    }

    var level: Level
    /// What was looked at, in a word or two.
    var subject: String
    var message: String
    /// What to do about it.
    var advice: String?

    static func good(_ subject: String, _ message: String) -> Finding {
        Finding(level: .good, subject: subject, message: message)
    }

    static func warning(_ subject: String, _ message: String, _ advice: String) -> Finding {
        Finding(level: .warning, subject: subject, message: message, advice: advice)
    }

    static func failed(_ subject: String, _ message: String, _ advice: String) -> Finding {
        Finding(level: .failed, subject: subject, message: message, advice: advice)
    }

    var text: String {
        let mark =
            switch level {
            case .good: "ok    "
            case .warning: "warn  "
            case .failed: "FAIL  "
            }
        let head = "\(mark)\(InstallationStatus.padded(subject, 14))  \(message)"
        return advice.map { "\(head)\n        -> \($0)" } ?? head
    }

    func write(to json: inout JSONWriter) {
        json.member("level", level.rawValue)
        json.member("subject", subject)
        json.member("message", message)
        json.member("advice", advice)
    }
}
