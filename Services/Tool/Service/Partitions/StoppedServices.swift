internal import Database
internal import Store

/// Makes sure that nobody works on an installation.
enum StoppedServices {
    /// The connections of a process that has just ended go within moments.
    private static let sessionPatience = Duration.seconds(2)
    /// A lease that nobody gave back runs out after 6 s.
    private static let leasePatience = Duration.seconds(9)
    private static let interval = Duration.milliseconds(200)

    /// Returns once nothing is held any more.
    ///
    /// - Parameter members: who else is there: of consumer groups.
    /// - Throws: `environment`, with the names of who is there.
    static func check(
        _ database: some StatementExecutor, members: () async throws -> [String] = { [] }
    ) async throws {
        let start = ContinuousClock.now
        while true {
            let holders = try await PartitionGrowth.holders(database)
            let members = try await members()
            if holders.isEmpty, members.isEmpty { return }
            let waited = start.duration(to: .now)
            let isAlive = holders.contains { $0.kind == .session }
            guard waited < (isAlive ? sessionPatience : leasePatience) else {
                throw ToolError(
                    .environment,
                    "services are running, and have to be stopped first:\n"
                        + (holders.map(text) + members).map { "  \($0)" }.joined(separator: "\n"))
            }
            try await Task.sleep(for: interval)
        }
    }

    static func text(_ holder: PartitionGrowth.Holder) -> String {
        switch holder.kind {
        case .lease: "\(holder.name) holds \(holder.count) partitions of \(holder.place)"
        case .member: "\(holder.name) waits for partitions of \(holder.place)"
        case .session: "\(holder.name) is connected to the database \(holder.count) times from \(holder.place)"
        }
    }
}
