internal import CMicroHTTPD
internal import Glibc
internal import Observability

/// The functions the library calls, all on the loop's thread; each finds its loop and goes there.
enum DaemonCallbacks {
    static var settings: fanfare_mhd_settings {
        var settings = fanfare_mhd_settings()
        settings.handler = handler
        settings.connection_changed = connectionChanged
        settings.request_completed = requestCompleted
        settings.target_received = targetReceived
        settings.log = { DaemonCallbacks.log($0, $1, $2) }
        return settings
    }

    /// The library's "this cannot be": say so and stop at once, before something is acknowledged that is not so.
    static func installPanic() {
        MHD_set_panic_func(
            { _, file, line, reason in
                let file = file.map { String(cString: $0) } ?? "?"
                let reason = reason.map { String(cString: $0) } ?? "?"
                let text = "libmicrohttpd panics at \(file):\(line): \(reason)\n"
                _ = write(STDERR_FILENO, text, text.utf8.count)
                abort()
            }, nil)
    }

    private static func state(_ context: UnsafeMutableRawPointer?) -> LoopState {
        guard let context else { preconditionFailure("a callback without its loop") }
        return Unmanaged<LoopState>.fromOpaque(context).takeUnretainedValue()
    }

    private static let handler: MHD_AccessHandlerCallback = {
        context, _, _, method, version, data, size, exchange in
        guard let method, let version, let size, let exchange else { return .NO }
        return state(context).access(
            SlotID(exchange.pointee), method: method, version: version,
            piece: UnsafeRawBufferPointer(start: data, count: size.pointee), left: &size.pointee)
    }

    private static let connectionChanged: MHD_NotifyConnectionCallback = { context, connection, slot, event in
        guard let connection, let slot else { return }
        switch event {
        case .CONNECTION_NOTIFY_STARTED: slot.pointee = state(context).connectionOpened(connection).pointer
        case .CONNECTION_NOTIFY_CLOSED: state(context).connectionClosed(SlotID(slot.pointee))
        }
    }

    private static let targetReceived:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) -> UnsafeMutableRawPointer? = {
            context, target, connection in
            guard let target, let connection else { return nil }
            return state(context).requestBegan(connection, target: target).pointer
        }

    private static let requestCompleted: MHD_RequestCompletedCallback = { context, _, exchange, _ in
        guard let exchange else { return }
        state(context).requestEnded(SlotID(exchange.pointee))
        exchange.pointee = nil
    }

    private static func log(
        _ context: UnsafeMutableRawPointer?, _ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?
    ) {
        guard let context, let format, let arguments else { return }
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
            guard let start = text.baseAddress, vsnprintf(start, text.count, format, arguments) > 0 else { return }
            // Nearly all of it is about clients that break off or send nonsense.
            state(context).log.debug("libmicrohttpd", ["text": .string(String(cString: start))])
        }
    }

    /// Gives the library the next bytes of a stream; −1 ends it, −2 breaks it off.
    static let streamReader: MHD_ContentReaderCallback = { context, _, buffer, size in
        guard let context, let buffer else { return -2 }
        let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
        guard let stream = exchange.stream else { return -2 }
        switch stream.next(into: UnsafeMutableRawBufferPointer(start: buffer, count: size)) {
        case .bytes(let count): return count
        case .parked:
            // Returning nothing without suspending would turn the loop without rest.
            MHD_suspend_connection(exchange.connection)
            exchange.isSuspended = true
            return 0
        case .ended: return -1
        case .closed: return -2
        }
    }

    static let releaseExchange: MHD_ContentReaderFreeCallback = { context in
        if let context { Unmanaged<Exchange>.fromOpaque(context).release() }
    }
}
