import TestSupport

/// What a query may name: the documented metrics, what a histogram is made of, and Prometheus' own.
struct KnownMetrics {
    private let names: Set<String>

    init(recorded: Set<String> = []) {
        var names: Set<String> = ["up"]
        for row in MetricsDocument(TestFolders.text(of: "\(TestFolders.packageRoot)/docs/metrics.md")).rows {
            if row.type == "histogram" {
                names.formUnion(["_bucket", "_sum", "_count"].map { row.name + $0 })
            } else {
                names.insert(row.name)
            }
        }
        self.names = names.union(recorded)
    }

    /// What the query names and nobody prints.
    func unknown(in query: String) -> Set<String> { PromQL.metrics(in: query).subtracting(names) }
}

/// What a file should have had.
struct Missing: Error {
    let what: String
}
