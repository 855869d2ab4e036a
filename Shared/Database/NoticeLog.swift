internal import CLibPQ
internal import Observability
internal import Synchronization

/// Brings one connection's notices and warnings into our log; libpq would write them to standard error.
final class NoticeLog: Sendable {
    let logger: Logger
    private let fatal = Atomic<Bool>(false)

    /// The server said goodbye while no statement ran: to libpq that is a notice.
    var sawFatal: Bool { fatal.load(ordering: .relaxed) }

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// The log must outlive the connection.
    func attach(to connection: OpaquePointer) {
        let receiver: PQnoticeReceiver = { context, result in
            guard let context else { return }
            Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().receive(result)
        }
        PQsetNoticeReceiver(connection, receiver, Unmanaged.passUnretained(self).toOpaque())
        // What libpq has to say by itself comes this way when there is no result to put it in.
        PQsetNoticeProcessor(
            connection,
            { context, text in
                guard let context, let text else { return }
                let log = Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue()
                log.logger.warning("libpq notice", ["notice": .string(String(cString: text))])
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func receive(_ result: OpaquePointer?) {
        guard let result else { return }
        let severity = ErrorField.severity.text(of: result) ?? ""
        let state = ErrorField.sqlState.text(of: result) ?? ""
        let text = ErrorField.message.text(of: result) ?? ""
        if severity == "FATAL" || severity == "PANIC" { fatal.store(true, ordering: .relaxed) }
        if severity == "WARNING" {
            logger.warning("database warning", ["sqlstate": .string(state), "notice": .string(text)])
        } else {
            logger.debug("database notice", ["sqlstate": .string(state), "notice": .string(text)])
        }
    }
}
