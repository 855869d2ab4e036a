/// Something that runs as long as the program does.
///
/// The contract, for all of them: `run` serves until `stop` is requested, then stops taking, drains, flushes, closes, and
/// returns. Returning before that, or throwing at any time, brings the program down. Cancelling the task means that there
/// is no time left: give up at once. (So a drain does not run in a cancelled task, where waiting for anything fails.)
public protocol Service: Sendable {
    /// For the log; lower case and hyphens: `delivery-lanes`.
    var name: String { get }

    func run(until stop: ShutdownSignal) async throws
}

/// A service made of a name and a function.
///
/// ```swift
/// NamedService("event-log") { try await log.run() }
/// ```
public struct NamedService: Service {
    public let name: String
    private let body: @Sendable (ShutdownSignal) async throws -> Void

    /// What drains when its task is cancelled, as the backbones' `run()` does; a stop cancels it.
    public init(_ name: String, run body: @escaping @Sendable () async throws -> Void) {
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

    /// What watches the signal itself.
    public init(_ name: String, until body: @escaping @Sendable (ShutdownSignal) async throws -> Void) {
        self.name = name
        self.body = body
    }

    public func run(until stop: ShutdownSignal) async throws { try await body(stop) }
}
