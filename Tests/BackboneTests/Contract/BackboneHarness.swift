import Backbone
import Database
import EventModel

/// An installation of a backbone that the contract is tried on: processes that share it, and the store below it.
///
/// `installation()` of each kind of backbone makes a fresh one; nothing of an earlier one is in it.
protocol BackboneInstallation: Sendable {
    associatedtype Process: BackboneProcess

    /// A process that does not run yet.
    func process(_ name: String) async throws -> Process

    /// How many partitions and lanes there are.
    var partitions: Int { get }
    var lanes: Int { get }
    /// The longest that a dead or stopped process keeps its partitions.
    var leaseTime: Duration { get }

    /// The store, for what tests look at themselves.
    var pool: ConnectionPool { get }

    /// The events on the feed, in order.
    func feed() async throws -> [FeedEntry]
    /// How many attempts were audited.
    func auditRows() async throws -> Int
    func deadLetters() async throws -> Int

    /// Whether `append` goes on while the store is away (Kafka).
    var keepsAcceptingWithoutStore: Bool { get }
    func stopStore() async throws
    func startStore() async throws

    /// Ends everything.
    func close() async
}

struct FeedEntry: Equatable {
    var pos: Int64
    var id: EventID
}

/// What one process does, and what can befall it.
protocol BackboneProcess: Sendable {
    var log: any EventLog { get }
    var fanOut: any FanOut { get }
    var lanes: any DeliveryLanes { get }
    /// The way of the process to the store: it ends with it.
    var database: DatabaseConfiguration { get }

    /// Starts to serve these roles; returns when they do.
    func start(_ roles: Role...) async throws
    /// Ends a role as SIGTERM would.
    func shutdown(_ role: Role) async
    /// Ends everything at once, without goodbye.
    func kill() async
    /// Stops it as SIGSTOP would, as far as others can tell; `resume` lets it go on as if nothing had been.
    func pause() async
    func resume() async
}

enum Role: Hashable, Sendable, CaseIterable {
    case log, fanOut, lanes
}
