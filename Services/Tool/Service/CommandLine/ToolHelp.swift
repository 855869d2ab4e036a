/// What the tool says about itself.
enum ToolHelp {
    static func overview(_ commands: [Command]) -> String {
        var text = """
            fanfare: an event backbone. Everything lands on one feed; poll it, or have it sent to webhooks.

            Usage: fanfare COMMAND [OPTIONS]


            """
        for command in commands { text += CommandSpec.row(command.spec.name, command.spec.summary) }
        text += """

              fanfare help COMMAND    tells more about one of them

            An installation is a folder: --dir DIR, else $FANFARE_DIR, else ./.fanfare. Several run side by side with
            different folders and port bases. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not running.

            """
        return text
    }

    /// The help of one command, or of those that begin with the word.
    static func text(for words: [String], _ commands: [Command]) throws(ToolError) -> String {
        guard !words.isEmpty else { return overview(commands) }
        if let (command, _) = Tool.Request.find(words, commands) { return command.spec.help }
        let family = commands.filter { $0.spec.name.hasPrefix("\(words[0]) ") }
        guard !family.isEmpty else { throw unknown(words, commands) }
        return family.map(\.spec.help).joined(separator: "\n")
    }

    static func unknown(_ words: [String], _ commands: [Command]) -> ToolError {
        let word = words.first ?? ""
        let family = commands.map(\.spec.name).filter { $0.hasPrefix("\(word) ") }
        if !family.isEmpty { return ToolError(.usage, "\(word) what? There are: \(family.joined(separator: ", "))") }
        return ToolError(.usage, "there is no command \(word); see fanfare --help")
    }
}
