/// One request from its first line to the end of its answer; lives on its loop's thread only.
final class Exchange {
    enum Phase {
        /// The request line is there, headers are arriving.
        case head
        /// Admitted; its body is arriving.
        case receiving
        /// Refused; this is sent when the body has ended.
        case refused(Response)
        /// Answered past the library; the rest of the body is dropped.
        case lingering
        /// The handler has it; the connection is suspended until the answer comes.
        case held
        /// The client has left or the server ends: the connection is to be closed without an answer.
        case cut
        /// The answer is being sent.
        case answering
    }

    let id: SlotID
    let connectionID: SlotID
    /// The library's connection; valid while this is in the loop's table.
    let connection: OpaquePointer
    let socket: Int32
    let receivedAt: UInt64
    var phase = Phase.head
    /// The target, or why it is refused; read before the library decodes it in place.
    var target: Result<String, HTTPError>
    /// Where the target lies in the library's buffer; compared, never followed.
    let targetPlace: UnsafeRawBufferPointer
    var head: RequestHead?
    var isHead = false
    var expectation = HeaderAssembler.Expectation.none
    var match: RouteMatch?
    var intake = BodyIntake.discard(limit: 0)
    /// What the body was admitted with, bytes.
    var maxBody = 0
    var body: [UInt8] = []
    var responder: Responder?
    /// The answer to a held request, from when it comes until it is queued.
    var answer: Response?
    var stream: ResponseStream?
    var isSuspended = false
    var isWatched = false

    init(
        id: SlotID, connectionID: SlotID, connection: OpaquePointer, socket: Int32, receivedAt: UInt64,
        target: Result<String, HTTPError>, targetPlace: UnsafeRawBufferPointer
    ) {
        self.id = id
        self.connectionID = connectionID
        self.connection = connection
        self.socket = socket
        self.receivedAt = receivedAt
        self.target = target
        self.targetPlace = targetPlace
    }

    var errorForm: ErrorForm { match?.route.errorForm ?? .standard }
}

/// One connection, in the table that deadlines are swept from.
struct Connection {
    enum Phase {
        /// Open, nothing received that makes a request line.
        case fresh
        /// Between two requests.
        case idle
        case head
        case body
        /// The handler works, or a stream waits for something to send: no deadline of ours.
        case handling
        case answering
        /// Cut; the library is about to notice.
        case ending
    }

    let id: SlotID
    let socket: Int32
    let peer: PeerAddress
    var phase = Phase.fresh
    /// When the phase began, for a body when its request began; monotonic nanoseconds.
    var since: UInt64
}
