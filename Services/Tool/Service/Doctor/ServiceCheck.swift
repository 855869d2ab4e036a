internal import ServiceKit

/// The services of an installation on this machine: whether they run, and what keeps them from being ready.
struct ServiceCheck: Sendable {
    let folder: InstallationFolder
    let status: InstallationStatus
    let console: Console

    func run() async -> [Finding] {
        let http = WebClient()
        defer { http.stop() }
        var findings: [Finding] = []
        if status.postgres == nil {
            findings.append(.failed("postgres", "its process does not run", "`fanfare up --detach` starts it"))
        }
        let watch = ReadinessWatch(folder: folder, options: status.options, http: http, console: console)
        for service in status.services {
            let name = service.name.rawValue
            guard service.pid != nil else {
                findings.append(
                    .failed(
                        name, "does not run",
                        "`fanfare up --detach` starts it; the end of \(folder.log(service.name)) may say why it ended"))
                continue
            }
            switch await watch.condition(service.name) {
            case .ready: findings.append(.good(name, "ready"))
            case .waiting(let failing):
                findings.append(.failed(name, Self.message(failing), Self.advice(failing, folder.log(service.name))))
            }
        }
        return findings
    }

    static func message(_ failing: [String]) -> String {
        failing.isEmpty ? "does not answer at its admin port" : "not ready: \(failing.joined(separator: ", "))"
    }

    static func advice(_ failing: [String], _ log: String) -> String {
        switch failing.first {
        case "database", "configuration": "Postgres cannot be reached or read from there; see postgres, above"
        case "schema": "run `fanfare migrate`"
        case "log": "the event log takes nothing: see kafka or postgres, above"
        case "fan-out", "lanes": "it owns nothing yet: others hold it, or Postgres or Kafka are away; \(log) tells"
        case "projector": "its place in the topic audit is gone: was the topic deleted, or Postgres restored?"
        case "clock": "this machine's clock is off; see clock, above"
        default: "see the end of \(log)"
        }
    }
}
