internal import Crypto
internal import ServiceKit

/// `fanfare key …`: the master keys that encrypt the secrets at rest.
enum KeyCommands {
    private static let file = CommandSpec.Option(
        "--file", "PATH", "writes it there, for its owner alone, unless there is a file already")

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
}
