internal import Crypto
internal import Database
internal import EventModel
internal import ServiceKit
internal import Store

/// Postgres: whether it answers, has the schema, agrees about the time, and has room.
struct DatabaseCheck: Sendable {
    let configuration: Configuration
    let secrets: SecretBox?

    /// An ingest whose clock is off by more than the feed corrects is unready.
    private static let clockLimit = 5_000.0
    private static let clockWarning = 500.0
    private static let oldestServer: Int64 = 150_000

    private static let server = Statement(
        "doctor.server",
        """
        select current_setting('server_version_num')::bigint, current_setting('server_version'),
            current_setting('synchronous_commit'), current_setting('fsync'), current_setting('max_connections')::bigint,
            (select count(*) from pg_stat_activity where backend_type = 'client backend')
        """)
    private static let clock = Statement("doctor.clock", "select clock_timestamp()")
    private static let ahead = Statement(
        "doctor.partitions", "select parent from fanfare.partitions_ahead_v1() where ahead < 1")
    private static let parked = Statement("doctor.parked", "select count(*) from fanfare.parked_records")
    private static let newestSecret = Statement(
        "doctor.secret", "select id, secrets[1] from fanfare.webhooks order by created_at desc limit 1")

    func run() async -> [Finding] {
        let dsn: String
        do {
            dsn = try configuration.required(Settings.postgresDSN).reveal()
        } catch {
            return [.failed("postgres", "no DSN is set", "set FANFARE_POSTGRES_DSN, or postgres.dsn in the file")]
        }
        var findings: [Finding] = []
        do {
            try await DatabaseSession.with(dsn: dsn) { pool in
                let rows = try await pool.execute(Self.server)
                findings += Self.judge(server: rows)
                findings.append(Self.judge(clockOffset: try await clockOffset(pool)))
                let schema = Self.judge(schema: try await Migrator(Schema.migrations, logger: .silent).check(pool))
                findings.append(schema)
                guard schema.level == .good else { return }
                findings += try await contents(pool)
            }
        } catch {
            findings.append(
                .failed(
                    "postgres", "\(error)",
                    "is it running, and do host, port, user and password of the DSN fit? Try: psql \"$DSN\" -c 'select 1'"
                ))
        }
        return findings
    }

    private static func judge(server rows: Rows) -> [Finding] {
        var findings: [Finding] = []
        let version = rows.text(0, 1)
        if rows.int64(0, 0) < oldestServer {
            findings.append(.failed("postgres", "version \(version)", "PostgreSQL 15 or newer is needed"))
        } else {
            findings.append(.good("postgres", "version \(version)"))
        }
        if rows.text(0, 2) == "off" || rows.text(0, 3) == "off" {
            findings.append(
                .failed(
                    "durability", "synchronous_commit is \(rows.text(0, 2)), fsync is \(rows.text(0, 3))",
                    "acknowledged events may be lost in a crash: set both to on in postgresql.conf"))
        }
        let (limit, used) = (rows.int64(0, 4), rows.int64(0, 5))
        if used * 10 > limit * 8 {
            findings.append(
                .warning(
                    "connections", "\(used) of \(limit) are in use",
                    "raise max_connections, or lower postgres.connections of the services"))
        }
        return findings
    }

    /// Milliseconds that this machine's clock is ahead of the server's.
    private func clockOffset(_ pool: ConnectionPool) async throws -> Double {
        // The second time: the first one pays for the statement's preparation.
        _ = try await pool.execute(Self.clock)
        let before = SystemClock().now()
        let server = try await pool.execute(Self.clock).timestamp(0, 0)
        let after = SystemClock().now()
        let middle = before.adding(microseconds: after.microseconds(since: before) / 2)
        return Double(middle.microseconds(since: server)) / 1_000
    }

    static func judge(clockOffset offset: Double) -> Finding {
        let text = "\((abs(offset) * 10).rounded() / 10) ms \(offset < 0 ? "behind" : "ahead of") the database's"
        let advice = "run chrony or systemd-timesyncd on both machines: signatures and times of events depend on it"
        if abs(offset) > clockLimit { return .failed("clock", text, advice) }
        if abs(offset) > clockWarning { return .warning("clock", text, advice) }
        return .good("clock", text)
    }

    static func judge(schema state: Migrator.State) -> Finding {
        switch state {
        case .current: .good("schema", "current")
        case .pending(let versions):
            .failed(
                "schema", "versions \(versions.map(String.init).joined(separator: ", ")) are not applied",
                "run `fanfare migrate`")
        case .newer(let version): .good("schema", "version \(version), newer than this program and made for it too")
        case .tooNew(let version, let needs):
            .failed(
                "schema", "version \(version) needs programs that know version \(needs), which this one does not",
                "use the release that brought it, or a newer one")
        }
    }

    /// - Parameter known: What the installation has; nil before its first start.
    static func judge(partitions known: PartitionCounts?, events: Int, lanes: Int) -> [Finding] {
        guard let known else { return [] }
        return [("events.partitions", events, known.events), ("lanes.partitions", lanes, known.lanes)].compactMap {
            setting, wanted, count in
            guard count != wanted else { return nil }
            return .failed(
                "partitions", "\(setting) is \(wanted), and the installation has \(count)",
                "no service starts with it: set \(setting) to \(count)"
                    + (wanted > count ? ", or see `fanfare partitions grow --help`" : ""))
        }
    }

    static func judge(growth: PartitionGrowth.Unfinished?) -> [Finding] {
        guard let growth else { return [] }
        return [
            .failed(
                "partitions",
                "they are growing to \(growth.to.events) of events and \(growth.to.lanes) of lanes, and that did not end",
                "no service starts before: run `\(growth.command)` again"
            )
        ]
    }

    private func contents(_ pool: ConnectionPool) async throws -> [Finding] {
        var findings: [Finding] = []
        let short = try await pool.execute(Self.ahead)
        if !short.isEmpty {
            let names = (0..<short.count).map { short.text($0, 0) }.joined(separator: ", ")
            findings.append(
                .failed(
                    "partitions", "none in front of the next row of \(names)",
                    "a running fanfare-matcher makes them; look for fanfare_maintenance_failures_total and its log"))
        }
        let parked = try await pool.execute(Self.parked).int64(0, 0)
        if parked > 0 {
            findings.append(
                .warning(
                    "parked records", "\(parked) records of the log could not be stored",
                    "look at them: select id, topic, reason, parked_at from fanfare.parked_records"))
        }
        findings += Self.judge(growth: try await PartitionGrowth.unfinished(pool))
        if configuration[Settings.backboneKind] == .postgres {
            findings += Self.judge(
                partitions: try await PartitionCounts.known(pool), events: configuration[Settings.eventsPartitions],
                lanes: configuration[Settings.lanesPartitions])
        }
        if let secrets { findings += try await sealed(pool, secrets) }
        findings += try await CertificateCheck.run(pool)
        return findings
    }

    /// Whether the key in hand is the one that was sealed with.
    private func sealed(_ pool: ConnectionPool, _ secrets: SecretBox) async throws -> [Finding] {
        let rows = try await pool.execute(Self.newestSecret)
        guard !rows.isEmpty, let text = rows.optionalText(0, 1), let id = EndpointID(rows.text(0, 0)) else { return [] }
        do {
            _ = try secrets.open(text, context: WebhookRecord.secretContext(id))
            return []
        } catch {
            return [
                .failed(
                    "master key", "it does not open the secret of \(id): \(error)",
                    "put back the key that was in use, or add it as a previous one")
            ]
        }
    }
}
