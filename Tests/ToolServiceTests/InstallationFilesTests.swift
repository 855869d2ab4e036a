internal import ServiceKit
internal import TestSupport
internal import Testing

@testable internal import ToolService

@Suite struct InstallationFilesTests {
    static let access = InstallationAccess(tenant: "ten_1", workspace: "ws_1", token: "ff_1", operatorToken: "ff_2")

    static var options: InstallationOptions {
        var options = InstallationOptions()
        options.portBase = 4000
        return options
    }

    let folder: InstallationFolder

    init() throws {
        folder = InstallationFolder(given: try TestFolders.temporary("tool"), environment: [:])
    }

    @Test func `the folder is the option's, then the variable's, then the usual one`() {
        #expect(InstallationFolder(given: "/x/", environment: ["FANFARE_DIR": "/y"]).path == "/x")
        #expect(InstallationFolder(given: nil, environment: ["FANFARE_DIR": "/y"]).path == "/y")
        #expect(InstallationFolder(given: nil, environment: ["FANFARE_DIR": ""]).path.hasSuffix("/.fanfare"))
    }

    @Test func `options and tokens are read back as they were written`() throws {
        var options = Self.options
        options.backbone = .kafka
        options.kafka = "broker:9092"
        options.topicPrefix = "x."
        options.allowsPrivateTargets = true
        #expect(InstallationOptions(json: Array(options.json.utf8)) == options)
        #expect(InstallationAccess(json: Array(Self.access.json.utf8)) == Self.access)
        #expect(InstallationOptions(json: Array("{}".utf8)) == nil)
        #expect(InstallationAccess(json: Array("[".utf8)) == nil)
    }

    @Test func `damaged options are an error and not a new installation`() throws {
        #expect(try InstallationOptions.read(folder) == nil)
        try Files.write("{", to: folder.options, mode: 0o644)
        #expect(throws: ToolError.self) { try InstallationOptions.read(folder) }
    }

    @Test func `options of the command line win over remembered ones, but the log stays`() throws {
        var options = Self.options
        try options.apply(UpWish(portBase: 5000, allowsPrivateTargets: true), isNew: false)
        #expect(options.portBase == 5000 && options.allowsPrivateTargets)
        try options.apply(UpWish(), isNew: false)
        #expect(options.portBase == 5000 && options.allowsPrivateTargets)
        #expect(throws: ToolError.self) { try options.apply(UpWish(backbone: .kafka, kafka: "a:1"), isNew: false) }
    }

    @Test func `Kafka needs to be told where it is, and only Kafka`() throws {
        var options = InstallationOptions()
        #expect(throws: ToolError.self) { try options.apply(UpWish(backbone: .kafka), isNew: true) }
        options = InstallationOptions()
        #expect(throws: ToolError.self) { try options.apply(UpWish(kafka: "a:1"), isNew: true) }
        options = InstallationOptions()
        try options.apply(UpWish(backbone: .kafka, kafka: "a:1"), isNew: true)
        #expect(options.backbone == .kafka && options.kafka == "a:1")
    }

    @Test func `every setting that is written is one that the services know`() throws {
        var options = Self.options
        options.backbone = .kafka
        options.kafka = "broker:9092"
        options.topicPrefix = "fanfare-1."
        let written = ConfigurationWriter(folder: folder, options: options, dsn: "host=/x").settings
        try Files.write("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", to: folder.masterKey, mode: 0o600)
        for service in ServiceName.services {
            let configuration = try Configuration(
                service: service, values: Dictionary(uniqueKeysWithValues: written))
            #expect(configuration[Settings.backboneKind] == .kafka)
        }
    }

    @Test func `what stands below the marker is kept, and wins`() {
        let writer = ConfigurationWriter(folder: folder, options: Self.options, dsn: "host=/x")
        let first = writer.text(keeping: nil)
        #expect(first.contains("ingest.listen = 127.0.0.1:4000\n"))
        let edited = first + "log.level = debug\nfeed.listen = 0.0.0.0:80\n"
        let second = writer.text(keeping: edited)
        #expect(second.hasSuffix("log.level = debug\nfeed.listen = 0.0.0.0:80\n"))
        #expect(second.components(of: "feed.listen") == 1)
        #expect(writer.text(keeping: second) == second)
        #expect(writer.text(keeping: "log.level = debug\n").hasSuffix("log.level = debug\n"))
    }

    @Test func `files with secrets are for their owner alone, whatever the umask`() throws {
        try Files.write(Self.access.json, to: folder.access, mode: Files.privateMode)
        #expect(Files.mode(folder.access) == 0o600)
        try Files.write(Self.access.json, to: folder.access, mode: Files.privateMode)
        #expect(try InstallationAccess.read(folder) == Self.access)
    }

    @Test func `a lock has one holder and tells who it is`() throws {
        let path = "\(folder.path)/lock"
        guard case .success(let lock) = try FileLock.take(path, note: "starting") else {
            Issue.record("nobody else has it")
            return
        }
        guard case .failure(let other) = try FileLock.take(path, note: "mine") else {
            Issue.record("a lock has one holder")
            return
        }
        #expect(other.holder?.note == "starting")
        lock.note("up")
        guard case .failure(let again) = try FileLock.take(path, note: "mine") else { return }
        #expect(again.holder?.note == "up")
        withExtendedLifetime(lock) {}
    }

    @Test func `the socket's folder is short and the same each time`() {
        let usual = InstallationFolder(given: "/srv/x", environment: [:])
        #expect(PostgresCluster.socketFolder(usual, isReachable: true) == "/srv/x/postgres/socket")
        let long = InstallationFolder(given: "/" + String(repeating: "long/", count: 30) + "x", environment: [:])
        let elsewhere = PostgresCluster.socketFolder(long, isReachable: true)
        #expect(elsewhere.hasPrefix("/tmp/fanfare-") && elsewhere.count < 40)
        #expect(PostgresCluster.socketFolder(long, isReachable: false) == elsewhere)
        #expect(PostgresCluster.socketFolder(usual, isReachable: false) != elsewhere)
    }

    @Test func `a port that somebody listens on is named`() throws {
        let listener = try TestListener()
        var options = InstallationOptions()
        options.portBase = listener.port - 11
        let error = #expect(throws: ToolError.self) { try Ports.check([.feed], options) }
        #expect(error?.message.contains("port \(listener.port), which fanfare-feed") == true)
        #expect(error?.message.contains("--port-base") == true)
    }
}

@Suite struct InstallationStatusTests {
    @Test func `the JSON has the members of the contract in their order`() {
        let pids: [ServiceName: Int32] = [.ingest: 10, .feed: 11, .delivery: 13]
        let status = InstallationStatus(
            options: InstallationFilesTests.options, access: InstallationFilesTests.access, dsn: "host=/x", postgres: 9,
            pids: { pids[$0] })
        #expect(
            status.json == #"{"ingest_url":"http://127.0.0.1:4000","feed_url":"http://127.0.0.1:4001","#
                + #""tenant_id":"ten_1","workspace_id":"ws_1","token":"ff_1","log":"postgres","#
                + #""postgres":{"dsn":"host=/x","pid":9},"services":["#
                + #"{"name":"fanfare-ingest","pid":10,"admin_url":"http://127.0.0.1:4010"},"#
                + #"{"name":"fanfare-feed","pid":11,"admin_url":"http://127.0.0.1:4011"},"#
                + #"{"name":"fanfare-matcher","pid":null,"admin_url":"http://127.0.0.1:4012"},"#
                + #"{"name":"fanfare-delivery","pid":13,"admin_url":"http://127.0.0.1:4013"}]}"#)
        #expect(status.isRunning && !status.isComplete)
        #expect(status.text.contains("fanfare-matcher   not running"))
    }

    @Test func `the database is found in the services' settings`() {
        let file = "# postgres.dsn = no\nbackbone = postgres\npostgres.dsn = host='/a b' port=1\n"
        #expect(InstallationStatus.setting("postgres.dsn", file) == "host='/a b' port=1")
        #expect(InstallationStatus.setting("kafka.brokers", file) == nil)
    }
}

extension String {
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
