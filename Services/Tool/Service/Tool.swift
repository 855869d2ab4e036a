internal import Database
internal import ServiceKit

/// The command line tool. Its `main.swift` is `Tool.main()`.
public enum Tool {
    /// Runs the command that the arguments name and ends the process: 0 done, 1 failed, 2 usage, 3 not running.
    public static func main() -> Never {
        Program.run { shutdown in
            await run(Program.arguments, environment: Program.environment, shutdown: shutdown)
        }
    }

    static let commands: [Command] = [
        UpCommand.command, DownCommand.command, StatusCommand.command, DemoCommand.command, EmitCommand.command,
        TailCommand.command, ListenCommand.command, TokenCommands.create, TokenCommands.list, TokenCommands.revoke,
        TenantCommands.create, TenantCommands.list,
        IntegrationCommands.create, IntegrationCommands.list, IntegrationCommands.rotate, SendCommand.command,
        TriggerCommands.apply, TriggerCommands.dryRun, TriggerCommands.list,
        WebhookCommands.create, WebhookCommands.list, WebhookCommands.rotate, WebhookCommands.test,
        WebhookCommands.health,
        DeadLetterCommands.list, DeadLetterCommands.redrive, DeadLetterCommands.discard,
        JobCommands.start, JobCommands.list, JobCommands.watch, JobCommands.cancel,
        TraceCommand.command, DoctorCommand.command,
        MigrateCommand.command, PartitionsCommands.show, PartitionsCommands.grow, KeyCommands.create,
        KeyCommands.rewrap,
        ReadyCommand.command, ConfigCommand.command, BenchCommand.command,
    ]

    static func run(
        _ words: [String], environment: [String: String], shutdown: ShutdownSignal, console: Console = Console()
    ) async -> ExitCode {
        let request: Request
        do throws(ToolError) {
            request = try Request(words, commands: commands)
        } catch {
            console.error(error.message)
            return error.exitCode
        }
        switch request {
        case .print(let text):
            console.text(text)
            return .done
        case .run(let command, let arguments):
            let context = CommandContext(
                arguments: arguments, environment: environment, console: console, shutdown: shutdown)
            do {
                return try await command.run(context)
            } catch let error as ToolError {
                console.error(error.message)
                return error.exitCode
            } catch let error as DatabaseError {
                console.error("the database: \(error)")
                return .failed
            } catch {
                console.error("\(error)")
                return .failed
            }
        }
    }

    /// What a command line asks for.
    enum Request: Sendable {
        case print(String)
        case run(Command, Arguments)

        /// - Throws: `usage`.
        init(_ words: [String], commands: [Command]) throws(ToolError) {
            guard let first = words.first, first != "--help", first != "-h" else {
                self = .print(ToolHelp.overview(commands))
                return
            }
            if first == "--version" || first == "version" {
                self = .print("fanfare \(BuildInfo.version) (\(BuildInfo.revision))\n")
                return
            }
            if first == "help" {
                self = .print(try ToolHelp.text(for: Array(words.dropFirst()), commands))
                return
            }
            guard let (command, rest) = Self.find(words, commands) else {
                // `fanfare token --help` names no command, but is a good question.
                if words.contains("--help") || words.contains("-h") {
                    self = .print(try ToolHelp.text(for: [first], commands))
                    return
                }
                throw ToolHelp.unknown(words, commands)
            }
            if rest.contains("--help") || rest.contains("-h") {
                self = .print(command.spec.help)
            } else {
                self = .run(command, try Arguments(rest, for: command.spec))
            }
        }

        static func find(_ words: [String], _ commands: [Command]) -> (Command, rest: [String])? {
            for length in [2, 1] where words.count >= length {
                let name = words.prefix(length).joined(separator: " ")
                if let command = commands.first(where: { $0.spec.name == name }) {
                    return (command, Array(words.dropFirst(length)))
                }
            }
            return nil
        }
    }
}
