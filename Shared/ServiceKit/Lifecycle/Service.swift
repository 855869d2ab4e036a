/// Something that runs as long as the program does.
///
/// The contract, for all of them: `run` serves until `stop` is requested, then stops taking, drains, flushes, closes, and
/// returns. Returning before that, or throwing at any time, brings the program down. Cancelling the task means that there
/// is no time left: give up at once. (So a drain does not run in a cancelled task, where waiting for anything fails.)
public protocol Service: Sendable {
    /// For the log; lower case and hyphens: `delivery-lanes`.
    var name: String { get }

    /// The program will end: called once, before the delay in which it still takes what comes. Must not block.
    func willStop()

    func run(until stop: ShutdownSignal) async throws
}

extension Service {
    public func willStop() {}
}

/// A service made of a name and functions.
///
/// ```swift
/// NamedService("event-log", run: log.run, shutdown: log.shutdown)
/// ```
public struct NamedService: Service {
    public let name: String
    private let body: @Sendable (ShutdownSignal) async throws -> Void

    /// What runs until it is told otherwise: the form of the backbones and of the HTTP server. `shutdown` is called once,
    /// when the stop is requested, and makes `run` return.
    public init(
        _ name: String, run body: @escaping @Sendable () async throws -> Void,
        shutdown: @escaping @Sendable () async -> Void
    ) {
        self.name = name
        self.body = { stop in
            try await withThrowingTaskGroup { group in
                group.addTask {
                    await stop.wait()
                    if stop.isRequested { await shutdown() }
                    return false
                }
                group.addTask {
                    try await body()
                    return true
                }
                while let isOver = try await group.next() {
                    // Returned unasked; nobody is to be told to stop.
                    if isOver { group.cancelAll() }
                }
            }
        }
    }

    /// What watches the signal itself.
    public init(_ name: String, until body: @escaping @Sendable (ShutdownSignal) async throws -> Void) {
        self.name = name
        self.body = body
    }

    /// What ends by being cancelled and needs no drain: timers and refreshers.
    public init(_ name: String, cancelling body: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.body = { stop in
            try await withThrowingTaskGroup { group in
                group.addTask { try await body() }
                group.addTask { await stop.wait() }
                // Whoever comes first ends the other: the body by returning or failing, the stop by cancelling.
                try await group.next()
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    public func run(until stop: ShutdownSignal) async throws { try await body(stop) }
}
