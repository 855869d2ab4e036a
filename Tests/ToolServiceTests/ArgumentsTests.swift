internal import ServiceKit
internal import Testing

@testable internal import ToolService

@Suite struct ArgumentsTests {
    static let spec = CommandSpec(
        name: "try", summary: "tries",
        positionals: [.init(name: "TYPE", help: ""), .init(name: "DATA", help: "", isOptional: true)],
        options: [
            .init("--dir", "DIR", ""), .init("--type", "TYPE", "", isRepeatable: true), .init("--json", nil, ""),
            .init("--count", "N", ""), .init("--patience", "DURATION", ""),
        ])

    func parse(_ words: String...) throws -> Arguments { try Arguments(words, for: Self.spec) }

    func problem(_ words: String...) -> String? {
        do throws(ToolError) {
            _ = try Arguments(words, for: Self.spec)
            return nil
        } catch {
            #expect(error.exitCode == .usage)
            return error.message
        }
    }

    @Test func `values stand behind their options or after an equals sign`() throws {
        let arguments = try parse("--dir", "/a b", "run.completed", "--type=x=y", "--type", "z")
        #expect(arguments["--dir"] == "/a b")
        #expect(arguments.all("--type") == ["x=y", "z"])
        #expect(arguments.positional(0) == "run.completed")
        #expect(arguments.positional(1) == nil)
    }

    @Test func `a switch takes a value only after an equals sign`() throws {
        let arguments = try parse("--json", "t")
        #expect(try arguments.flag("--json"))
        #expect(arguments.positional(0) == "t")
        #expect(try parse("t", "--json=false").flag("--json") == false)
        #expect(try parse("t").optionalFlag("--json") == nil)
        #expect(throws: ToolError.self) { try parse("t", "--json=maybe").flag("--json") }
    }

    @Test func `a lone dash and what follows two dashes are no options`() throws {
        #expect(try parse("t", "-").positional(1) == "-")
        #expect(try parse("t", "--", "--dir").positional(1) == "--dir")
    }

    @Test func `what is wrong is named`() {
        #expect(problem("t", "--dri", "x")?.contains("--dri is not an option") == true)
        #expect(problem("t", "--dir")?.contains("--dir DIR") == true)
        #expect(problem("t", "--dir", "a", "--dir", "b")?.contains("given twice") == true)
        #expect(problem()?.contains("TYPE is missing") == true)
        #expect(problem("a", "b", "c")?.contains("c is not expected") == true)
        #expect(problem("-x")?.contains("-x is not an option") == true)
    }

    @Test func `numbers and durations have ranges`() throws {
        #expect(try parse("t", "--count", "7").int("--count", in: 1...10) == 7)
        #expect(try parse("t").int("--count", in: 1...10) == nil)
        for text in ["0", "11", "x", "", "1.5"] {
            #expect(throws: ToolError.self) { try parse("t", "--count", text).int("--count", in: 1...10) }
        }
        #expect(try parse("t", "--patience", "2m").duration("--patience", in: .zero ... .seconds(600)) == .seconds(120))
        #expect(throws: ToolError.self) {
            try parse("t", "--patience", "2h").duration("--patience", in: .zero ... .seconds(600))
        }
    }
}

@Suite struct RequestTests {
    func request(_ words: String...) throws -> Tool.Request { try Tool.Request(words, commands: Tool.commands) }

    func isPrint(_ request: Tool.Request) -> String? { if case .print(let text) = request { text } else { nil } }

    @Test func `commands have one word or two`() throws {
        guard case .run(let command, let arguments) = try request("token", "create", "--label", "x") else {
            Issue.record("it runs")
            return
        }
        #expect(command.spec.name == "token create")
        #expect(arguments["--label"] == "x")
    }

    @Test func `help is printed in every way that people ask for it`() throws {
        #expect(isPrint(try request())?.contains("Usage: fanfare COMMAND") == true)
        for words in [["--help"], ["help"], ["-h"]] {
            #expect(isPrint(try Tool.Request(words, commands: Tool.commands)) == isPrint(try request()))
        }
        #expect(isPrint(try request("help", "up")) == isPrint(try request("up", "--detach", "--help")))
        #expect(isPrint(try request("token", "--help"))?.contains("fanfare token revoke ID") == true)
        #expect(isPrint(try request("--version"))?.hasPrefix("fanfare ") == true)
    }

    @Test func `an unknown command is a usage error that says where to look`() {
        for words in [["upp"], ["help", "upp"], ["token"], ["token", "make"]] {
            let error = #expect(throws: ToolError.self) { try Tool.Request(words, commands: Tool.commands) }
            #expect(error?.exitCode == .usage)
        }
    }

    @Test func `every line of every help fits a terminal`() {
        for command in Tool.commands {
            for line in command.spec.help.split(separator: "\n") { #expect(line.count <= 118, "\(line)") }
        }
    }
}
