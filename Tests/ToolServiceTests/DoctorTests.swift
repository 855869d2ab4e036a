internal import Database
internal import EventModel
internal import ServiceKit
internal import Store
internal import TestSupport
internal import Testing

@testable internal import ToolService

/// What `fanfare doctor` makes of what it sees.
@Suite struct DoctorTests {
    private func file(_ text: String) throws -> String {
        let path = "\(try TestFolders.temporary("doctor"))/fanfare.conf"
        try Files.write(text, to: path, mode: 0o600)
        return path
    }

    @Test func `a configuration that the services would refuse is told in their words`() throws {
        let outcome = ConfigurationCheck(path: try file("postgres.dns = x\ndelivery.timeout = 5s\n"), environment: [:])
            .run()
        #expect(outcome.configuration == nil)
        #expect(outcome.findings.count == 1)
        #expect(outcome.findings.first?.level == .failed)
        #expect(outcome.findings.first?.message.contains("postgres.dns") == true)
    }

    @Test func `a key that is none, or that is missing, is a failure`() throws {
        let missing = ConfigurationCheck(path: try file("postgres.dsn = host=x\n"), environment: [:]).run()
        #expect(missing.findings.map(\.level) == [.good, .failed])
        #expect(missing.secrets == nil)
        let bad = ConfigurationCheck(path: try file("master-key = short\n"), environment: [:]).run()
        #expect(bad.findings.contains { $0.level == .failed && $0.subject == "master key" })
        let key = String(repeating: "A", count: 43) + "="
        let good = ConfigurationCheck(path: try file("master-key = \(key)\n"), environment: [:]).run()
        #expect(good.findings.allSatisfy { $0.level == .good })
        #expect(good.secrets != nil)
    }

    @Test func `a clock that is off is told, with its direction`() {
        #expect(DatabaseCheck.judge(clockOffset: -3).level == .good)
        #expect(DatabaseCheck.judge(clockOffset: 900).level == .warning)
        let far = DatabaseCheck.judge(clockOffset: -60_000)
        #expect(far.level == .failed)
        #expect(far.message == "60000.0 ms behind the database's")
    }

    @Test func `a schema that is behind wants migrating, one that is ahead another program`() {
        #expect(DatabaseCheck.judge(schema: .current).level == .good)
        #expect(DatabaseCheck.judge(schema: .pending([12, 13])).advice == "run `fanfare migrate`")
        #expect(DatabaseCheck.judge(schema: .newer(98)).level == .good)
        #expect(DatabaseCheck.judge(schema: .tooNew(99, needs: 97)).level == .failed)
    }

    @Test func `other counts of partitions than the installation has are found`() {
        #expect(DatabaseCheck.judge(partitions: nil, events: 5, lanes: 7).isEmpty)
        let known = PartitionCounts(events: 12, lanes: 48)
        #expect(DatabaseCheck.judge(partitions: known, events: 12, lanes: 48).isEmpty)
        let findings = DatabaseCheck.judge(partitions: known, events: 12, lanes: 96)
        #expect(findings.map(\.level) == [.failed])
        #expect(findings.first?.advice?.contains("set lanes.partitions to 48, or see") == true)
        #expect(DatabaseCheck.judge(growth: nil).isEmpty)
        let growth = PartitionGrowth.Unfinished(from: known, to: PartitionCounts(events: 24, lanes: 96))
        #expect(DatabaseCheck.judge(growth: growth).first?.advice?.contains("--events 24 --lanes 96` again") == true)
    }

    @Test func `a database that cannot be reached is a failure with advice`() async throws {
        let configuration = try Configuration(
            service: .feed, values: ["postgres.dsn": "host=127.0.0.1 port=\(FreePorts.one()) connect_timeout=2"])
        let findings = await DatabaseCheck(configuration: configuration, secrets: nil).run()
        #expect(findings.map(\.level) == [.failed])
        #expect(findings.first?.advice != nil)
    }

    @Test func `a certificate is told of before it ends, and after`() {
        let now = Timestamp(seconds: 1_780_000_000)
        let soon = CertificateCheck.judge(
            "CA bundle", of: "wh_1", tenant: "t", end: now.adding(seconds: 3_600), now: now)
        #expect(soon.level == .warning)
        let over = CertificateCheck.judge(
            "CA bundle", of: "wh_1", tenant: "t", end: now.adding(seconds: -3_600), now: now)
        #expect(over.level == .failed)
    }

    @Test func `what keeps a service from being ready has an advice each`() {
        #expect(ServiceCheck.message([]) == "does not answer at its admin port")
        #expect(ServiceCheck.message(["database", "log"]) == "not ready: database, log")
        for condition in ["database", "schema", "log", "fan-out", "lanes", "projector", "clock", "listener"] {
            #expect(!ServiceCheck.advice([condition], "/log").isEmpty)
        }
    }
}
