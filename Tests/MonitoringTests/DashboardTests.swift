import EventCodec
import TestSupport
import Testing

/// deploy/grafana against docs/metrics.md and the rules.
struct DashboardTests {
    private static let folder = "\(TestFolders.packageRoot)/deploy/grafana"
    private static let recorded: Set<String> = [
        "fanfare:accept_errors:ratio_1h", "fanfare:deliveries_late:ratio_1h",
    ]

    @Test(arguments: ["overview", "ingest", "delivery", "store"])
    func `every query of a dashboard names metrics that exist`(name: String) throws {
        let text = TestFolders.text(of: "\(Self.folder)/fanfare-\(name).json")
        let value = try JSONValue(parsing: Array(text.utf8))
        guard case .array(let panels)? = value["panels"] else { throw Missing(what: "no panels in \(name)") }
        #expect(panels.count >= 12)
        let known = KnownMetrics(recorded: Self.recorded)
        for panel in panels {
            guard case .array(let targets)? = panel["targets"], !targets.isEmpty else {
                throw Missing(what: "a panel of \(name) without a query")
            }
            for target in targets {
                guard case .string(let query)? = target["expr"] else { throw Missing(what: "a query is missing") }
                #expect(known.unknown(in: query) == [])
            }
        }
    }

    @Test func `the dashboards are what their description makes`() async throws {
        let folder = try TestFolders.temporary("dashboards")
        let process = try ProcessUnderTest(
            "/usr/bin/python3", ["\(TestFolders.packageRoot)/deploy/dashboards.py", "--check"], folder: folder)
        let end = await process.end(within: .seconds(60))
        #expect(end == .exited(0), "\(process.output) \(process.errors)")
    }
}
