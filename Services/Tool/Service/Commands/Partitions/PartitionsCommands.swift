internal import Database
internal import EventCodec
internal import ServiceKit
internal import Store

/// `fanfare partitions …`: how many there are, and more of them.
enum PartitionsCommands {
    static let show = Command(
        CommandSpec(
            name: "partitions show", summary: "prints how many partitions an installation has",
            options: PartitionsPlace.options + [.json],
            details: """
                As the settings events.partitions and lanes.partitions have to be. On Postgres the database tells, with Kafka
                its topics.
                """)
    ) { try await show($0) }

    static let grow = Command(
        CommandSpec(
            name: "partitions grow", summary: "gives a stopped installation more partitions",
            options: [
                .init("--events", "N", "partitions of the event log: as many matchers can share the work (1 to 1024)"),
                .init("--lanes", "N", "partitions of the lanes: as many delivery workers can (1 to 1024)"),
                .init("--dry-run", nil, "does it, tells what it did, and undoes it"),
            ] + PartitionsPlace.options,
            details: """
                Stop all services first; what waits in the installation stays and is delivered afterwards. Counts never get
                smaller. What stops in the middle is ended by the same command, and until then no service starts. The services
                have to be started with the new counts; those of a folder (--dir) find them in DIR/fanfare.conf.
                """)
    ) { try await grow($0) }

    private static func show(_ context: CommandContext) async throws -> ExitCode {
        let place = try PartitionsPlace(context)
        if let folder = place.folder { _ = try InstallationStatus.running(folder) }
        let partitions = try PartitionsBackbone(place.configuration)
        defer { partitions.shutdown() }
        let (counts, unfinished) = try await DatabaseSession.withSchema(dsn: place.dsn) { pool in
            (try await partitions.counts(pool), try await PartitionGrowth.unfinished(pool))
        }
        guard let counts else { throw PartitionsBackbone.nothingYet }
        let backbone = place.configuration[Settings.backboneKind].rawValue
        if try context.arguments.flag("--json") {
            var json = JSONWriter()
            json.object {
                $0.member("backbone", backbone)
                $0.member("events", counts.events)
                $0.member("lanes", counts.lanes)
            }
            context.console.line(String(decoding: json.bytes, as: UTF8.self))
        } else {
            context.console.line("backbone \(backbone)\nevents   \(counts.events)\nlanes    \(counts.lanes)")
        }
        if let unfinished {
            let to = unfinished.to
            context.console.error(
                "they are growing to \(to.events) and \(to.lanes): run `\(unfinished.command)` again")
        }
        return .done
    }

    private static func grow(_ context: CommandContext) async throws -> ExitCode {
        let events = try context.arguments.int("--events", in: GrowthPlan.range)
        let lanes = try context.arguments.int("--lanes", in: GrowthPlan.range)
        try GrowthPlan.checkAsked(events, lanes)
        let isDry = try context.arguments.flag("--dry-run")
        let place = try PartitionsPlace(context)
        let partitions = try PartitionsBackbone(place.configuration)
        defer { partitions.shutdown() }
        let work = {
            try await DatabaseSession.withSchema(dsn: place.dsn) { pool in
                // One session for all of it: it holds the lock, and without it nothing goes on.
                try await pool.withConnection { session in
                    try await lock(session)
                    return try await grow(
                        partitions, session, events: events, lanes: lanes, isDry: isDry, context.console)
                }
            }
        }
        guard let folder = place.folder else {
            let plan = try await work()
            if !isDry {
                context.console.line(
                    "Start the services with events.partitions = \(plan.to.events) and lanes.partitions = \(plan.to.lanes)"
                )
            }
            return .done
        }
        let plan = try await StoppedInstallation(folder: folder, context: context).run(work)
        if !isDry {
            try write(plan.to, to: folder)
            context.console.line(
                "\(folder.configuration) has the new counts; `fanfare up` starts the services with them")
        }
        return .done
    }

    private static func lock(_ session: Session) async throws {
        do {
            try await PartitionGrowth.lock(session)
        } catch let error as DatabaseError where error.sqlState == "55P03" {
            throw ToolError(.environment, "another `fanfare partitions grow` is at work on this installation")
        }
    }

    private static func grow(
        _ partitions: PartitionsBackbone, _ session: Session, events: Int?, lanes: Int?, isDry: Bool,
        _ console: Console
    ) async throws -> GrowthPlan {
        let unfinished = try await PartitionGrowth.unfinished(session)
        guard let known = try await partitions.counts(session) else { throw PartitionsBackbone.nothingYet }
        let plan = try GrowthPlan(events: events, lanes: lanes, known: known, unfinished: unfinished)
        guard !plan.isNothing || unfinished != nil else {
            console.text(plan.text)
            return plan
        }
        try await partitions.checkStopped(session)
        let moved = try await partitions.grow(session, plan, isRehearsal: isDry)
        console.text(plan.text)
        let verb = isDry ? "would move" : "moved"
        console.line(
            "\(verb) \(moved.deliveries) deliveries that wait in lanes, \(moved.attempts) waiting retries, \(moved.cursors) cursors"
        )
        return plan
    }

    private static func write(_ counts: PartitionCounts, to folder: InstallationFolder) throws(ToolError) {
        guard let text = Files.text(folder.configuration) else {
            throw Files.failure("cannot read \(folder.configuration)")
        }
        let new = ConfigurationWriter.setting(
            [("events.partitions", "\(counts.events)"), ("lanes.partitions", "\(counts.lanes)")], in: text)
        if new != text { try Files.write(new, to: folder.configuration, mode: Files.privateMode) }
    }
}
