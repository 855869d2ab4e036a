internal import CLinux
internal import Glibc
internal import Synchronization

/// What other threads may ask of a loop.
enum Command: Sendable {
    case respond(SlotID, Response)
    /// Tell the request's responder when the client hangs up.
    case watch(SlotID)
    /// The stream of this request has something to send, or has ended.
    case continueStream(SlotID)
    /// The stream of this request was broken off.
    case cutStream(SlotID)
    /// From now on every answer closes its connection.
    case drain
    /// End by then, monotonic nanoseconds.
    case stop(deadline: UInt64)
}

/// The side of a loop that every thread may touch: an inbox and the descriptor that wakes the loop.
///
/// The inbox is bounded by what it is about: each request in flight is answered once, each stream posts once until
/// the loop has looked. The descriptor is written only while the loop sleeps, so a batch costs one write and an
/// answer given on the loop thread none.
final class EventLoop: Sendable {
    private struct Inbox {
        var commands: [Command] = []
        var isAsleep = false
        var isClosed = false
    }

    /// Readable when the loop is to wake up.
    let wakeUp: Int32
    private let inbox = Mutex(Inbox())

    init() throws(HTTPServerError) {
        wakeUp = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard wakeUp >= 0 else { throw HTTPServerError(.resources, "no descriptor for a loop: errno \(errno)") }
    }

    deinit { close(wakeUp) }

    func post(_ command: Command) {
        let (wake, dropped) = inbox.withLock { inbox in
            guard !inbox.isClosed else { return (false, true) }
            inbox.commands.append(command)
            defer { inbox.isAsleep = false }
            return (inbox.isAsleep, false)
        }
        if dropped { EventLoop.abandon(command) }
        if wake { signal() }
    }

    func post(_ commands: [Command]) {
        guard !commands.isEmpty else { return }
        let (wake, dropped) = inbox.withLock { inbox in
            guard !inbox.isClosed else { return (false, true) }
            inbox.commands.append(contentsOf: commands)
            defer { inbox.isAsleep = false }
            return (inbox.isAsleep, false)
        }
        if dropped { commands.forEach(EventLoop.abandon) }
        if wake { signal() }
    }

    /// Called by the loop before it sleeps.
    ///
    /// - Returns: false where commands wait and it must not sleep.
    func fallAsleep() -> Bool {
        inbox.withLock { inbox in
            inbox.isAsleep = inbox.commands.isEmpty
            return inbox.isAsleep
        }
    }

    /// Called by the loop: takes all commands; `commands` gives its memory in exchange.
    func take(into commands: inout [Command]) {
        commands.removeAll(keepingCapacity: true)
        inbox.withLock { inbox in
            inbox.isAsleep = false
            swap(&inbox.commands, &commands)
        }
    }

    /// Called by the loop when it ends: whatever comes now or waits is dropped.
    func close() {
        let left = inbox.withLock { inbox in
            inbox.isClosed = true
            defer { inbox.commands = [] }
            return inbox.commands
        }
        left.forEach(EventLoop.abandon)
    }

    /// Empties the descriptor after a wake-up.
    func clearSignal() {
        var count: UInt64 = 0
        // It fails only where nothing was written, which is as good.
        _ = read(wakeUp, &count, MemoryLayout<UInt64>.size)
    }

    private func signal() {
        var one: UInt64 = 1
        // It fails only where the counter is full, and then the loop wakes up anyway.
        _ = write(wakeUp, &one, MemoryLayout<UInt64>.size)
    }

    private static func abandon(_ command: Command) {
        if case .respond(_, let response) = command { response.abandon() }
    }

    private func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}

/// Commands of one batch, by loop; almost always there is only one.
struct CommandBatch {
    private var first: EventLoop?
    private var commands: [Command] = []
    private var others: [ObjectIdentifier: (loop: EventLoop, commands: [Command])] = [:]

    init(capacity: Int) { commands.reserveCapacity(capacity) }

    mutating func add(_ command: Command, for loop: EventLoop) {
        if first == nil { first = loop }
        if first === loop {
            commands.append(command)
        } else {
            others[ObjectIdentifier(loop), default: (loop, [])].commands.append(command)
        }
    }

    func post() {
        first?.post(commands)
        for other in others.values { other.loop.post(other.commands) }
    }
}
