internal import Glibc
internal import Observability
internal import ServiceKit

/// A service that does nothing, in the way that `EXAMPLE_MODE` says: what the tests of `ServiceMain` start and signal.
enum ExampleService {
    struct Broken: Error {}

    static let definition = ServiceDefinition(.matcher, summary: "stands in for a service in tests") { context in
        let mode = getenv("EXAMPLE_MODE").map { String(cString: $0) } ?? "serves"
        let logger = context.logger
        switch mode {
        case "cannot-start": throw Broken()
        case "needs-settings": _ = try context.configuration.required(Settings.postgresDSN)
        case "starts-slowly": try await Task.sleep(for: .seconds(3600))
        case "writes-to-nobody":
            var ends: [Int32] = [-1, -1]
            pipe(&ends)
            close(ends[0])
            let written = write(ends[1], "x", 1)
            logger.info("wrote to nobody", ["count": .int(written)])
        default: break
        }
        context.readiness.require(.database) { mode != "lacks-database" }
        return [
            NamedService("intake") { stop in
                if mode == "fails" { throw Broken() }
                await stop.wait()
                logger.info("intake drains")
                if mode == "drains-forever" { await ShutdownSignal().wait() }
            },
            NamedService("store", cancelling: { try await Task.sleep(for: .seconds(3600)) }),
        ]
    }
}
