/// Which connections have taken too long; the library itself knows only silence, which every dripped byte ends.
struct Deadlines {
    let idle: UInt64
    let header: UInt64
    let request: UInt64
    let answer: UInt64

    init(_ configuration: HTTPServerConfiguration) {
        idle = configuration.idleTimeout.nanoseconds
        header = configuration.headerDeadline.nanoseconds
        request = configuration.requestDeadline.nanoseconds
        answer = configuration.answerDeadline.nanoseconds
    }

    /// How long a connection may be in a phase, nanoseconds; nil for ever.
    func limit(_ phase: Connection.Phase) -> UInt64? {
        switch phase {
        case .fresh, .head: header
        case .idle: idle
        case .body: request
        case .answering: answer
        case .handling, .ending: nil
        }
    }

    func isOver(_ connection: Connection, at now: UInt64) -> Bool {
        guard let limit = limit(connection.phase) else { return false }
        return now >= connection.since &+ limit
    }

    /// How often to look, nanoseconds: a quarter of the shortest deadline, between 10 and 250 ms.
    var sweepInterval: UInt64 {
        min(max(min(idle, header, request, answer) / 4, 10_000_000), 250_000_000)
    }
}
