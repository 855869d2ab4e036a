import Glibc
import Observability
import ServiceKit
import TestSupport
import Testing

@Suite struct ConfigurationTests {
    private let commandLine = ServiceCommandLine(service: .delivery, summary: "sends")
    private let folder: String

    init() throws { folder = try TestFolders.temporary("configuration") }

    private func write(_ text: String, to name: String = "fanfare.conf", mode: mode_t = 0o600) -> String {
        let path = "\(folder)/\(name)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        _ = Glibc.write(descriptor, text, text.utf8.count)
        fchmod(descriptor, mode)
        close(descriptor)
        return path
    }

    private func configuration(
        _ arguments: [String] = [], _ environment: [String: String] = [:], file: String? = nil
    ) throws -> Configuration {
        let flags = file.map { ["--config", write($0)] } ?? []
        guard case .run(let configuration) = try commandLine.parse(flags + arguments, environment: environment) else {
            throw ConfigurationError(["no run"])
        }
        return configuration
    }

    private func problems(
        _ arguments: [String] = [], _ environment: [String: String] = [:], file: String? = nil
    ) -> [String] {
        do {
            _ = try configuration(arguments, environment, file: file)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map { $0.replacing(folder, with: "DIR") }
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `without anything the defaults hold`() throws {
        let configuration = try configuration()
        #expect(configuration[Settings.deliveryTimeout] == .seconds(10))
        #expect(configuration[Settings.deliveryInFlight] == 1024)
        #expect(configuration[Settings.adminListen] == HostPort(host: "127.0.0.1", port: 3413))
        #expect(configuration[Settings.allowPrivateTargets] == false)
        #expect(configuration[Settings.logLevel] == .info)
        #expect(configuration[Settings.kafkaBrokers] == nil)
        #expect(configuration.origin(of: "delivery.timeout") == .preset)
    }

    @Test func `flags win over the environment, and that over the file`() throws {
        let file = "# a comment\n\n delivery.timeout = 5s \r\nlog.level=debug\nheader-prefix = X-A\n"
        let configuration = try configuration(
            ["--delivery-timeout", "7s"], ["FANFARE_DELIVERY_TIMEOUT": "6s", "FANFARE_LOG_LEVEL": "error"], file: file)
        #expect(configuration[Settings.deliveryTimeout] == .seconds(7))
        #expect(configuration[Settings.logLevel] == .error)
        #expect(configuration[Settings.headerPrefix] == "X-A")
        #expect(configuration.origin(of: "delivery.timeout") == .flag("--delivery-timeout"))
        #expect(configuration.origin(of: "log.level") == .environment("FANFARE_LOG_LEVEL"))
        #expect(configuration.origin(of: "header-prefix").description.hasSuffix("fanfare.conf:5"))
    }

    @Test func `values may be attached to flags, and switches need none`() throws {
        let configuration = try configuration(["--delivery-timeout=7s", "--allow-private-targets"])
        #expect(configuration[Settings.deliveryTimeout] == .seconds(7))
        #expect(configuration[Settings.allowPrivateTargets])
        #expect(try !self.configuration(["--allow-private-targets=false"])[Settings.allowPrivateTargets])
    }

    @Test func `the file may be named by the environment`() throws {
        let path = write("delivery.timeout = 5s\n")
        #expect(try configuration([], ["FANFARE_CONFIG": path])[Settings.deliveryTimeout] == .seconds(5))
        #expect(problems([], ["FANFARE_CONFIG": "/nowhere/x.conf"]).first?.contains("/nowhere/x.conf") == true)
    }

    @Test func `unknown keys are refused wherever they stand`() {
        #expect(
            problems(["--no-such"], ["FANFARE_NO_SUCH": "1"], file: "no.such = 1\nlog_level = info\n") == [
                "--no-such is not a flag; see --help", "no.such (DIR/fanfare.conf:1) is not a setting",
                "log_level (DIR/fanfare.conf:2) is not a setting; is log.level meant?",
                "FANFARE_NO_SUCH in the environment is not a setting",
            ])
    }

    @Test func `settings of other programs are accepted in file and environment, but not as flags`() throws {
        _ = try configuration([], ["FANFARE_INGEST_LISTEN": "0.0.0.0:1"], file: "feed.listen = 0.0.0.0:2\n")
        #expect(
            problems(["--ingest-listen", "0.0.0.0:1"]).first
                == "--ingest-listen is not used by fanfare-delivery; see --help")
        // Their values are checked all the same: the file is wrong for all.
        #expect(problems([], [:], file: "feed.listen = nonsense\n").count == 1)
    }

    @Test func `bad values are told with key, value, origin and range`() {
        #expect(
            problems(
                ["--delivery-timeout", "31s"], ["FANFARE_LOG_LEVEL": "loud", "FANFARE_LANES_PARTITIONS": "4x"],
                file: "header-prefix = X Y\nadmin.listen = 3410\n") == [
                    "admin.listen = 3410 from DIR/fanfare.conf:2 is not of the form host:port",
                    "delivery.timeout = 31s from --delivery-timeout is out of range (1s to 30s)",
                    "header-prefix = X Y from DIR/fanfare.conf:1 is of another form "
                        + "(a header name's beginning, up to 32 of A-Z a-z 0-9 -)",
                    "lanes.partitions = 4x from FANFARE_LANES_PARTITIONS is not a whole number (1 to 1024)",
                    "log.level = loud from FANFARE_LOG_LEVEL is none of the choices "
                        + "(debug, info, warning, error)",
                ])
    }

    @Test func `malformed lines and repetitions are refused`() {
        #expect(
            problems(["stray", "--log-level"], [:], file: "just text\nlog.level = info\nlog.level = debug\n") == [
                "stray is not expected here; settings are flags such as --log-level debug",
                "--log-level needs a value", "DIR/fanfare.conf:1 is not of the form key = value",
                "log.level (DIR/fanfare.conf:3) stands in line 2 already",
            ])
        #expect(problems(["--log-level", "info", "--log-level", "info"]) == ["--log-level is given twice"])
    }

    @Test func `an empty variable is no value, and Kubernetes' own variables are not ours`() throws {
        let configuration = try configuration(
            [],
            [
                "FANFARE_LOG_LEVEL": "", "FANFARE_FEED_SERVICE_HOST": "10.0.0.1", "FANFARE_FEED_SERVICE_PORT": "3401",
                "FANFARE_FEED_SERVICE_PORT_HTTP": "3401", "FANFARE_FEED_PORT": "tcp://10.0.0.1:3401",
                "FANFARE_FEED_PORT_3401_TCP": "tcp://10.0.0.1:3401", "FANFARE_FEED_PORT_3401_TCP_ADDR": "10.0.0.1",
                "FANFARE_FEED_PORT_3401_TCP_PROTO": "tcp", "FANFARE_REVISION": "abc", "HOME": "/root",
            ])
        #expect(configuration[Settings.logLevel] == .info)
    }

    @Test func `a required setting names the ways to give it`() throws {
        let configuration = try configuration()
        #expect(
            throws: ConfigurationError([
                "postgres.dsn is needed: set FANFARE_POSTGRES_DSN (or FANFARE_POSTGRES_DSN_FILE), or postgres.dsn in the file"
            ])
        ) { try configuration.required(Settings.postgresDSN) }
    }

    @Test func `a secret may come from a file, which others should not read`() throws {
        let path = write("postgres://u:p@h/db\n", to: "dsn")
        let configuration = try configuration([], ["FANFARE_POSTGRES_DSN_FILE": path])
        #expect(configuration[Settings.postgresDSN]?.reveal() == "postgres://u:p@h/db")
        #expect(configuration.warnings.isEmpty)
        let open = write("x", to: "open", mode: 0o644)
        #expect(
            try self.configuration(["--postgres-dsn-file", open]).warnings
                == ["\(open) holds a secret and can be read by everybody: chmod 600 it"])
    }

    @Test func `a higher source replaces both forms of a secret, and one source gives one`() throws {
        let path = write("from-file", to: "dsn")
        let text = try configuration(["--postgres-dsn", "from-flag"], ["FANFARE_POSTGRES_DSN_FILE": path])
        #expect(text[Settings.postgresDSN]?.reveal() == "from-flag")
        #expect(text.warnings == ["--postgres-dsn shows a secret to everyone who can list processes"])
        let file = try configuration(["--postgres-dsn-file", path], ["FANFARE_POSTGRES_DSN": "from-environment"])
        #expect(file[Settings.postgresDSN]?.reveal() == "from-file")
        #expect(
            problems([], ["FANFARE_POSTGRES_DSN": "a", "FANFARE_POSTGRES_DSN_FILE": path])
                == ["postgres.dsn is given twice: by FANFARE_POSTGRES_DSN and as a file by FANFARE_POSTGRES_DSN_FILE"])
    }

    @Test func `a secret's file that is missing, empty, too large or no file is refused`() {
        let empty = write("\n", to: "empty")
        let large = write(String(repeating: "x", count: 70_000), to: "large")
        for path in ["/nowhere/x", empty, large, folder, "/dev/zero"] {
            let problems = problems([], ["FANFARE_MASTER_KEY_FILE": path])
            #expect(problems.count == 1, "\(path)")
            #expect(problems.first?.hasPrefix("master-key-file (FANFARE_MASTER_KEY_FILE): ") == true)
        }
    }

    @Test func `secrets never appear in messages`() throws {
        let environment = ["FANFARE_POSTGRES_DSN": "postgres://u:hunter2@h/db", "FANFARE_MASTER_KEY": "hunter2"]
        guard case .print(let text) = try commandLine.parse(["--print-config"], environment: environment) else {
            Issue.record("--print-config prints")
            return
        }
        #expect(!text.contains("hunter2"))
        #expect(text.contains("postgres.dsn = <secret>\n    # FANFARE_POSTGRES_DSN\n"))
        #expect(text.contains("delivery.timeout = 10s\n    # default\n"))
        #expect(!text.contains("ingest.listen"))
    }

    @Test func `what print-config prints is a configuration file`() throws {
        guard case .print(let text) = try commandLine.parse(["--print-config", "--log-level=debug"], environment: [:])
        else {
            Issue.record("--print-config prints")
            return
        }
        #expect(try configuration(file: text)[Settings.logLevel] == .debug)
    }

    @Test func `several master keys are told apart, the first encrypts`() throws {
        let configuration = try configuration([], ["FANFARE_MASTER_KEY": "new:AAAA, old:BBBB\n"])
        #expect(try configuration.masterKeys().map { $0.reveal() } == ["new:AAAA", "old:BBBB"])
        #expect(throws: ConfigurationError.self) { try self.configuration().masterKeys() }
    }

    @Test func `help names the program's flags and no others, and wins over mistakes`() throws {
        guard case .print(let text) = try commandLine.parse(["--nonsense", "--help"], environment: [:]) else {
            Issue.record("--help prints")
            return
        }
        #expect(text.hasPrefix("fanfare-delivery: sends\n"))
        #expect(text.contains("  --delivery-timeout DURATION\n"))
        #expect(text.contains("[1s to 30s; default 10s]"))
        #expect(!text.contains("--ingest-listen"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
    }

    @Test func `version names the program`() throws {
        guard case .print(let text) = try commandLine.parse(["--version"], environment: [:]) else {
            Issue.record("--version prints")
            return
        }
        #expect(text.hasPrefix("fanfare-delivery \(BuildInfo.version) ("))
    }

    @Test func `tests make configurations from keys`() throws {
        let configuration = try Configuration(service: .feed, values: ["feed.listen": "127.0.0.1:0"])
        #expect(configuration[Settings.feedListen].port == 0)
        #expect(throws: ConfigurationError.self) { try Configuration(service: .feed, values: ["no.such": "1"]) }
        #expect(throws: ConfigurationError.self) { try Configuration(service: .feed, values: ["feed.listen": "1"]) }
    }
}
