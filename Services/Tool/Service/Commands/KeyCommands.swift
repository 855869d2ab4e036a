internal import Crypto
internal import ServiceKit
internal import Store

/// `fanfare key …`: the master keys that encrypt the secrets at rest.
enum KeyCommands {
    private static let file = CommandSpec.Option(
        "--file", "PATH", "writes it there, for its owner alone, unless there is a file already")
    private static let keyFile = CommandSpec.Option(
        "--master-key-file", "PATH",
        "the keys, the new one first; else $FANFARE_MASTER_KEY, $FANFARE_MASTER_KEY_FILE, or the installation's own")
    private static let dryRun = CommandSpec.Option("--dry-run", nil, "counts, and changes nothing")

    static let create = Command(
        CommandSpec(
            name: "key create", summary: "makes a master key and prints it", options: [file],
            details: "For FANFARE_MASTER_KEY, or for the file that FANFARE_MASTER_KEY_FILE names.")
    ) { context in
        let key = MasterKey.generate()
        guard let path = context.arguments["--file"] else {
            context.console.line(key.text)
            return .done
        }
        // A key that is in use is never written over: what it sealed would stay closed.
        guard !Files.exists(path) else {
            context.console.line("\(path) is there already")
            return .done
        }
        try Files.write(key.text + "\n", to: path, mode: Files.privateMode)
        context.console.line("wrote the key \(key.id) to \(path)")
        return .done
    }

    static let rewrap = Command(
        CommandSpec(
            name: "key rewrap", summary: "seals all secrets at rest with the newest master key",
            options: [keyFile, dryRun, .dsn, .directory],
            details: """
                Services and tool know both keys meanwhile, the new one first: `new,old`. When nothing is left under the old
                one, it can be taken away, and services restarted. Safe to run again, and while services run.
                """)
    ) { try await rewrap($0) }

    /// - Throws: `usage` when there is no key, or something that is none.
    static func keys(_ context: CommandContext) throws -> [MasterKey] {
        let text: String
        if let path = context.arguments["--master-key-file"] {
            text = try read(path)
        } else if let given = context.environment["FANFARE_MASTER_KEY"], !given.isEmpty {
            text = given
        } else if let path = context.environment["FANFARE_MASTER_KEY_FILE"], !path.isEmpty {
            text = try read(path)
        } else {
            text = try read(context.folder.masterKey)
        }
        let parts = text.split { $0 == "," || $0.isNewline }.filter { $0.contains { !$0.isWhitespace } }
        guard !parts.isEmpty else { throw ToolError(.usage, "there is no master key") }
        do throws(CryptoError) {
            return try parts.map { part throws(CryptoError) in try MasterKey(text: String(part)) }
        } catch {
            throw ToolError(.usage, "the master keys: \(error.message)")
        }
    }

    private static func read(_ path: String) throws(ToolError) -> String {
        guard let text = Files.text(path) else { throw Files.failure("cannot read \(path)") }
        return text
    }

    private static func rewrap(_ context: CommandContext) async throws -> ExitCode {
        let keys = try keys(context)
        let box = try SecretBox(current: keys[0], previous: Array(keys.dropFirst()))
        let isDry = try context.arguments.flag("--dry-run")
        let (tally, changed) = try await DatabaseSession.withSchema(dsn: try MigrateCommand.dsn(context)) { pool in
            try await rewrap(SealedSecrets(pool), Rewrapping(box, current: keys[0]), isDry: isDry, context.console)
        }
        let verb = isDry ? "would be sealed anew" : "sealed anew"
        context.console.line(
            "\(tally.rewrapped) secrets \(verb) with the key \(keys[0].id), \(tally.current) were sealed with it already"
        )
        for (id, count) in tally.unknown.sorted(by: { $0.key < $1.key }) {
            context.console.error("\(count) secrets are sealed with the key \(id), which is not given")
        }
        if tally.damaged > 0 { context.console.error("\(tally.damaged) secrets are not opened by the key they name") }
        if changed > 0 {
            context.console.error("\(changed) rows were changed by somebody else meanwhile; run it again")
        }
        return tally.unknown.isEmpty && tally.damaged == 0 && changed == 0 ? .done : .failed
    }

    private static func rewrap(
        _ secrets: SealedSecrets, _ rewrapping: Rewrapping, isDry: Bool, _ console: Console
    ) async throws -> (Rewrapping.Tally, changed: Int) {
        var tally = Rewrapping.Tally()
        var changed = 0
        for place in try await secrets.places() {
            var after: String?
            while true {
                let entries = try await secrets.entries(place, after: after)
                guard let last = entries.last else { break }
                after = last.key
                for entry in entries {
                    let values = entry.values.map { rewrapping.rewrapped($0, owner: entry.owner, &tally) }
                    guard !isDry, values.contains(where: { $0 != nil }) else { continue }
                    let new = zip(entry.values, values).map { $1 ?? $0 }
                    if try await !secrets.replace(entry, in: place, with: new) { changed += 1 }
                }
            }
        }
        return (tally, changed)
    }
}
