/// Decides what happens to each piece of a body; a state machine without bytes or sockets.
struct BodyIntake {
    enum Step: Equatable {
        /// Keep the piece.
        case keep
        /// Drop it; the answer comes when the body has ended.
        case discard
        /// The body has outgrown its limit: answer 413 now and drop what follows.
        case refuse
        /// More than enough was dropped: close.
        case close
    }

    private enum Mode {
        case keeping(limit: Int)
        /// Dropping a body whose answer waits for its end, so that the connection can be kept.
        case draining
        /// Dropping what follows an answer that is already out, so that the client gets to read it.
        case lingering
    }

    private var mode: Mode
    private(set) var received = 0
    private var discardLimit: Int

    /// A body to keep up to `limit` bytes; after that up to `discardLimit` bytes are read and dropped.
    static func keep(limit: Int, discardLimit: Int) -> BodyIntake {
        BodyIntake(mode: .keeping(limit: limit), discardLimit: discardLimit)
    }

    /// A body whose request is refused; the answer follows the body.
    static func discard(limit: Int) -> BodyIntake { BodyIntake(mode: .draining, discardLimit: limit) }

    /// A body whose request has its answer already.
    static func linger(limit: Int) -> BodyIntake { BodyIntake(mode: .lingering, discardLimit: limit) }

    private init(mode: Mode, discardLimit: Int) {
        self.mode = mode
        self.discardLimit = discardLimit
    }

    mutating func receive(_ count: Int) -> Step {
        received += count
        switch mode {
        case .keeping(let limit):
            guard received > limit else { return .keep }
            received = 0
            mode = .lingering
            return .refuse
        case .draining:
            guard received > discardLimit else { return .discard }
            received = 0
            mode = .lingering
            return .refuse
        case .lingering:
            return received > discardLimit ? .close : .discard
        }
    }
}
