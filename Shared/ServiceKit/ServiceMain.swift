internal import Glibc
public import Observability

/// What a service is made of, once its settings are known.
public struct ServiceContext: Sendable {
    public let configuration: Configuration
    public let logger: Logger
    public let metrics: MetricsRegistry
    /// Where the service names what keeps it from being ready.
    public let readiness: Readiness
}

/// A service as its executable starts it.
public struct ServiceDefinition: Sendable {
    let name: ServiceName
    let summary: String
    let build: @Sendable (ServiceContext) async throws -> [any Service]

    /// - Parameter summary: what it does, for `--help`: a clause in lower case.
    /// - Parameter build: makes the parts, in the order in which they are to end (see `ServiceGroup`), and names the
    ///   conditions of readiness. Cancelled when the program is told to end meanwhile. A `ConfigurationError` ends the
    ///   program with `usage`, any other error with `failed`.
    public init(
        _ name: ServiceName, summary: String, build: @escaping @Sendable (ServiceContext) async throws -> [any Service]
    ) {
        self.name = name
        self.summary = summary
        self.build = build
    }
}

/// The body that all services share. A service's `main.swift` is one call:
///
/// ```swift
/// ServiceMain.run(IngestService.definition)
/// ```
public enum ServiceMain {
    /// Reads the settings, serves the admin port, builds the service, runs it until SIGTERM or SIGINT or a failure, and
    /// ends the process: 0 done, 1 failed, 2 bad settings.
    public static func run(_ definition: ServiceDefinition) -> Never {
        Program.run { shutdown in
            let configuration: Configuration
            do throws(ConfigurationError) {
                switch try ServiceCommandLine(service: definition.name, summary: definition.summary)
                    .parse(Program.arguments, environment: Program.environment)
                {
                case .run(let read): configuration = read
                case .print(let text):
                    Program.print(text, to: STDOUT_FILENO)
                    return .done
                }
            } catch {
                for problem in error.problems {
                    Program.print("\(definition.name.rawValue): \(problem)\n", to: STDERR_FILENO)
                }
                return .usage
            }
            return await ServiceRun(definition, configuration).run(until: shutdown)
        }
    }
}
