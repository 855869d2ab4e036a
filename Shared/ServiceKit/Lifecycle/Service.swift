/// Something that runs as long as the program does.
///
/// The contract, for all of them: `run()` serves until its task is cancelled, then stops taking, drains, flushes, closes,
/// and returns. Returning before that, or throwing, brings the program down. Code that drains runs in a cancelled task:
/// it awaits plain continuations, and nothing that throws `CancellationError`.
public protocol Service: Sendable {
    /// For the log; lower case and hyphens: `delivery-lanes`.
    var name: String { get }

    func run() async throws
}

/// A service of a name and a function, for what has a `run()` of its own.
///
/// ```swift
/// NamedService("event-log") { try await log.run() }
/// ```
public struct NamedService: Service {
    public let name: String
    private let body: @Sendable () async throws -> Void

    public init(_ name: String, run body: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.body = body
    }

    public func run() async throws { try await body() }
}
