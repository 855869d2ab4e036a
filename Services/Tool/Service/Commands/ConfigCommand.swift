internal import ServiceKit

/// `fanfare config`
enum ConfigCommand {
    static let command = Command(
        CommandSpec(
            name: "config", summary: "lists every setting of the services",
            options: [.init("--markdown", nil, "as the table of docs/configuration.md (what it prints anyway)")])
    ) { context in
        context.console.text(ConfigurationText.markdown())
        return .done
    }
}
