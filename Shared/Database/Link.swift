internal import CLibPQ
internal import Glibc
internal import Observability

/// One libpq connection from its opening to its end, in non-blocking mode with waits of our own: so a statement has a
/// deadline, can be cancelled, and never hangs on a host that vanished.
///
/// Belongs to one thread.
final class Link {
    private let handle: OpaquePointer
    private let cancelHandle: OpaquePointer?
    let canceller: Canceller
    private let notices: NoticeLog
    /// Set when an answer cannot come any more.
    private(set) var isLost = false

    private init(handle: OpaquePointer, canceller: Canceller, notices: NoticeLog) {
        self.handle = handle
        self.canceller = canceller
        self.notices = notices
        cancelHandle = PQgetCancel(handle)
    }

    deinit {
        PQfreeCancel(cancelHandle)
        PQfinish(handle)
    }

    /// Connects; blocks for at most the connect timeout a host.
    static func open(
        _ configuration: DatabaseConfiguration, canceller: Canceller, logger: Logger
    ) throws(DatabaseError) -> Link {
        let string = try ConnectionString(configuration)
        var keywords = string.keywords.map { UnsafePointer<CChar>(strdup($0.0)) } + [nil]
        var values = string.keywords.map { UnsafePointer<CChar>(strdup($0.1)) } + [nil]
        defer { for pointer in keywords + values { free(UnsafeMutablePointer(mutating: pointer)) } }
        guard let handle = PQconnectdbParams(&keywords, &values, 1) else {
            throw DatabaseError(.resources, "there is no memory for a connection")
        }
        guard PQstatus(handle) == CONNECTION_OK else {
            let message = String(cString: PQerrorMessage(handle)).trimmedLine
            PQfinish(handle)
            throw DatabaseError(.connection, message)
        }
        let notices = NoticeLog(logger)
        notices.attach(to: handle)
        PQsetnonblocking(handle, 1)
        return Link(handle: handle, canceller: canceller, notices: notices)
    }

    // MARK: State

    enum Transaction { case none, open, failed, unknown }

    var transaction: Transaction {
        switch PQtransactionStatus(handle) {
        case PQTRANS_IDLE: .none
        case PQTRANS_INTRANS: .open
        case PQTRANS_INERROR: .failed
        default: .unknown
        }
    }

    var processID: Int32 { PQbackendPID(handle) }
    var socket: Int32 { PQsocket(handle) }

    /// Looks, without a round trip, whether the server closed the connection while nobody used it.
    func isAlive() -> Bool {
        while !isLost {
            var probe = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&probe, 1, 0) > 0 else { return true }
            if PQconsumeInput(handle) == 0 || PQstatus(handle) != CONNECTION_OK { isLost = true }
            // Reads what came. A FATAL counts although the end of file may be still on its way.
            PQisBusy(handle)
            if notices.sawFatal { isLost = true }
        }
        return false
    }

    func markLost() {
        isLost = true
    }

    // MARK: Statements

    func prepare(_ name: String, _ sql: String, _ types: [UInt32], _ watch: inout StatementWatch) throws(DatabaseError)
    {
        try send { types.withUnsafeBufferPointer { PQsendPrepare(handle, name, sql, Int32($0.count), $0.baseAddress) } }
        try PQclear(finish(&watch))
        // It came through although it was to be cancelled: what follows it must not.
        if let reason = watch.reason {
            throw DatabaseError(reason == .cancelled ? .cancelled : .timeout, "stopped before it was sent")
        }
    }

    func execute(
        _ name: String, _ parameters: Parameters, _ buffers: ParameterBuffers, _ watch: inout StatementWatch
    ) throws(DatabaseError) -> Rows {
        try send(name, parameters, buffers)
        return Rows(taking: try finish(&watch))
    }

    /// Hands the rows over one by one, in constant memory.
    func stream<Failure: Error>(
        _ name: String, _ parameters: Parameters, _ buffers: ParameterBuffers, _ watch: inout StatementWatch,
        _ body: (Rows) throws(Failure) -> Void
    ) throws(DatabaseError) -> Failure? {
        try send(name, parameters, buffers)
        PQsetSingleRowMode(handle)
        var failure: DatabaseError?
        var refusal: Failure?
        while let result = try nextResult(&watch) {
            switch PQresultStatus(result) {
            case PGRES_SINGLE_TUPLE where refusal == nil:
                do {
                    try body(Rows(taking: result))
                } catch {
                    refusal = error
                    requestCancel()
                }
            case PGRES_SINGLE_TUPLE, PGRES_TUPLES_OK, PGRES_COMMAND_OK: PQclear(result)
            default:
                if failure == nil { failure = take(errorIn: result, watch) } else { PQclear(result) }
            }
        }
        if let refusal { return refusal }
        if let failure { throw failure }
        return nil
    }

    /// Runs any number of statements in the simple protocol; gives the last one's answer, in text form.
    func script(_ sql: String, _ watch: inout StatementWatch) throws(DatabaseError) {
        try send { PQsendQuery(handle, sql) }
        PQclear(try finish(&watch))
    }

    private func send(_ name: String, _ parameters: Parameters, _ buffers: ParameterBuffers) throws(DatabaseError) {
        try send {
            buffers.with(parameters) { values, lengths, formats in
                PQsendQueryPrepared(handle, name, Int32(parameters.count), values, lengths, formats, 1)
            }
        }
    }

    private func send(_ body: () -> Int32) throws(DatabaseError) {
        guard body() == 1 else {
            let message = String(cString: PQerrorMessage(handle)).trimmedLine
            isLost = isLost || PQstatus(handle) != CONNECTION_OK
            // Nothing has left this machine.
            throw DatabaseError(isLost ? .connection : .other, message)
        }
    }

    /// The answer to what was sent; the first error if there are several.
    private func finish(_ watch: inout StatementWatch) throws(DatabaseError) -> OpaquePointer {
        var last: OpaquePointer?
        var failure: DatabaseError?
        while let result = try nextResult(&watch) {
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                PQclear(last)
                last = result
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                PQclear(result)
                PQclear(last)
                isLost = true
                throw DatabaseError(.syntax, "COPY from or to the client is not supported")
            default:
                if failure == nil { failure = take(errorIn: result, watch) } else { PQclear(result) }
            }
        }
        if let failure {
            PQclear(last)
            throw failure
        }
        guard let last else {
            isLost = true
            throw DatabaseError(.connection, "the connection ended without an answer", outcomeUnknown: true)
        }
        return last
    }

    private func take(errorIn result: OpaquePointer, _ watch: StatementWatch) -> DatabaseError {
        defer { PQclear(result) }
        var error = DatabaseError(result: result, stopped: watch.reason)
        if error.code == .connection || PQstatus(handle) != CONNECTION_OK {
            isLost = true
            error.outcomeUnknown = true
        }
        return error
    }

    // MARK: Waiting

    /// The next result, nil after the last.
    private func nextResult(_ watch: inout StatementWatch) throws(DatabaseError) -> OpaquePointer? {
        while true {
            // Errors of writing are kept by libpq and come out as a result.
            let unsent = PQflush(handle) == 1
            if !unsent, PQisBusy(handle) == 0 { return PQgetResult(handle) }
            switch watch.next(now: .now, isCancelled: canceller.isCancelled) {
            case .wait(let until):
                guard wait(until, writing: unsent, watchingCanceller: watch.heedsCanceller) else { continue }
                // A dead connection stays "busy"; only PQgetResult says what happened to it.
                if PQconsumeInput(handle) == 0 { return PQgetResult(handle) }
            case .cancel: requestCancel()
            case .abandon:
                isLost = true
                throw DatabaseError(
                    watch.reason == .cancelled ? .cancelled : .timeout,
                    "the server answered neither the statement nor its cancellation", outcomeUnknown: true)
            }
        }
    }

    /// Waits for the socket, the canceller or the time; true when the socket can be read.
    private func wait(_ until: ContinuousClock.Instant?, writing: Bool, watchingCanceller: Bool) -> Bool {
        Poll.wait(
            socket, writing: writing, canceller: watchingCanceller ? canceller.descriptor : nil, until: until)
    }

    /// Returns when the server has signalled the backend, so that no later statement can be hit.
    private func requestCancel() {
        var message = [CChar](repeating: 0, count: 256)
        if PQcancel(cancelHandle, &message, 256) == 0 {
            notices.logger.warning(
                "cancel request failed",
                [
                    "reason": .string(
                        String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
                ])
        }
    }

    // MARK: Notifications

    /// The notifications that have arrived, without waiting.
    func notifications() -> [(channel: String, payload: String)] {
        if PQconsumeInput(handle) == 0 || PQstatus(handle) != CONNECTION_OK { isLost = true }
        var found: [(channel: String, payload: String)] = []
        while let notification = PQnotifies(handle) {
            defer { PQfreemem(notification) }
            found.append((String(cString: notification.pointee.relname), String(cString: notification.pointee.extra)))
        }
        return found
    }
}
