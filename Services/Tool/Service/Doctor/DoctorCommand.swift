internal import EventCodec
internal import ServiceKit

/// `fanfare doctor`
enum DoctorCommand {
    static let command = Command(
        CommandSpec(
            name: "doctor", summary: "checks an installation, and says what to do",
            options: [
                .init("--config", "FILE", "the settings of services that run elsewhere; FANFARE_… variables count too"),
                .directory, .json,
            ],
            details: """
                Looks at the configuration, the keys, Postgres (version, schema, clock, partitions), Kafka and its topics,
                certificates, and the services of this machine. Changes nothing.
                Exit code 0 when nothing failed (warnings do not), 1 when something did, 3 when nothing is there.
                """)
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let findings = try await findings(context)
        if try context.arguments.flag("--json") {
            for finding in findings {
                var json = JSONWriter()
                json.object { finding.write(to: &$0) }
                context.console.line(String(decoding: json.bytes, as: UTF8.self))
            }
        } else {
            for finding in findings { context.console.line(finding.text) }
        }
        return findings.contains { $0.level == .failed } ? .failed : .done
    }

    private static func findings(_ context: CommandContext) async throws -> [Finding] {
        var findings: [Finding] = []
        let check: ConfigurationCheck
        if let path = context.arguments["--config"] {
            check = ConfigurationCheck(path: path, environment: context.environment)
        } else if context.folder.isInstallation {
            let status = try InstallationStatus(context.folder)
            guard status.isRunning else {
                throw ToolError(.notRunning, "nothing runs in \(context.folder.path); `fanfare up --detach` starts it")
            }
            // The services of a folder read its file alone.
            check = ConfigurationCheck(path: context.folder.configuration, environment: [:])
            findings += await ServiceCheck(
                folder: context.folder, status: status, console: context.console
            ).run()
        } else if context.environment["FANFARE_POSTGRES_DSN"] != nil
            || context.environment["FANFARE_POSTGRES_DSN_FILE"] != nil
        {
            check = ConfigurationCheck(path: nil, environment: context.environment)
        } else {
            throw ToolError(
                .notRunning,
                "there is no installation in \(context.folder.path): name its folder with --dir, or its settings with --config or FANFARE_… variables"
            )
        }
        let outcome = check.run()
        guard let configuration = outcome.configuration else { return outcome.findings + findings }
        let database = await DatabaseCheck(configuration: configuration, secrets: outcome.secrets).run()
        let kafka = await KafkaCheck(configuration: configuration).run()
        // What others rest on comes first.
        return outcome.findings + database + kafka + findings
    }
}
