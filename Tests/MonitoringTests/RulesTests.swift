import EventCodec
import TestSupport
import Testing
import YAML

/// deploy/prometheus against docs/runbook.md and docs/metrics.md.
struct RulesTests {
    private struct Rule {
        let name: String
        let isAlert: Bool
        let query: String
        let severity: String?
        let runbook: String?
    }

    private static let folder = "\(TestFolders.packageRoot)/deploy/prometheus"

    private func rules() throws -> [Rule] {
        let document = try YAMLDocument(Array(TestFolders.text(of: "\(Self.folder)/fanfare.rules.yml").utf8))
        var rules: [Rule] = []
        for group in try elements(document.value["groups"]) {
            for rule in try elements(group["rules"]) {
                let alert = text(rule["alert"])
                rules.append(
                    Rule(
                        name: try #require(alert ?? text(rule["record"])), isAlert: alert != nil,
                        query: try #require(text(rule["expr"])), severity: text(rule["labels"]?["severity"]),
                        runbook: text(rule["annotations"]?["runbook"])))
            }
        }
        return rules
    }

    private func elements(_ value: JSONValue?) throws -> [JSONValue] {
        guard case .array(let elements)? = value else { throw Missing(what: "a list is missing") }
        return elements
    }

    private func text(_ value: JSONValue?) -> String? {
        guard case .string(let text)? = value else { return nil }
        return text
    }

    @Test func `every query names metrics that exist`() throws {
        let rules = try rules()
        #expect(rules.count > 40)
        let known = KnownMetrics(recorded: Set(rules.lazy.filter { !$0.isAlert }.map(\.name)))
        for rule in rules { #expect(known.unknown(in: rule.query) == [], "\(rule.name)") }
    }

    @Test func `every alert has its page, and every page its alert`() throws {
        let runbook = TestFolders.text(of: "\(TestFolders.packageRoot)/docs/runbook.md")
        var pages: [String: String] = [:]
        for section in runbook.split(separator: "\n### ").dropFirst() {
            let name = section.prefix { !$0.isWhitespace }
            pages[String(name)] = String(section)
        }
        let alerts = try rules().filter(\.isAlert)
        for alert in alerts {
            #expect(alert.severity == "page" || alert.severity == "ticket", "\(alert.name)")
            #expect(alert.runbook == "docs/runbook.md#\(alert.name.lowercased())", "\(alert.name)")
            let page = try #require(pages[alert.name], "\(alert.name) has no page")
            for part in ["**Meaning.**", "**Look here.**", "**Do this.**"] {
                #expect(page.contains(part), "\(alert.name): no \(part)")
            }
        }
        #expect(Set(pages.keys).subtracting(alerts.map(\.name)) == [])
    }

    @Test func `every alert is shown firing and silent`() throws {
        let tests = TestFolders.text(of: "\(Self.folder)/fanfare.tests.yml")
        for alert in try rules().filter(\.isAlert) {
            #expect(tests.contains("name: \(alert.name) fires\n"), "\(alert.name)")
            #expect(tests.contains("name: \(alert.name) is silent\n"), "\(alert.name)")
        }
    }

    @Test(.timeLimit(.minutes(5))) func `promtool agrees`() async throws {
        let candidates = ["\(TestFolders.packageRoot)/.tools/promtool", "/usr/bin/promtool", "/usr/local/bin/promtool"]
        let promtool = try #require(
            candidates.first(where: TestFolders.exists), "no promtool: scripts/install-dependencies --tests fetches it")
        for arguments in [["check", "rules", "fanfare.rules.yml"], ["test", "rules", "fanfare.tests.yml"]] {
            let folder = try TestFolders.temporary("promtool")
            let process = try ProcessUnderTest(
                promtool, arguments.dropLast() + ["\(Self.folder)/\(arguments.last ?? "")"], folder: folder)
            let end = await process.end(within: .seconds(240))
            #expect(end == .exited(0), "\(process.output) \(process.errors)")
        }
    }
}
