internal import Crypto
internal import ServiceKit

/// Whether the services would take their settings, and whether the keys at rest are keys.
struct ConfigurationCheck: Sendable {
    /// A file of settings; nil: the environment alone.
    let path: String?
    let environment: [String: String]

    struct Outcome: Sendable {
        var findings: [Finding]
        /// As the feed process reads them; nil when it would refuse to start.
        var configuration: Configuration?
        var secrets: SecretBox?
    }

    func run() -> Outcome {
        var outcome = Outcome(findings: [])
        var problems: [String] = []
        for service in [ServiceName.ingest, .matcher, .delivery, .feed] {
            do throws(ConfigurationError) {
                let invocation = try ServiceCommandLine(service: service, summary: "").parse(
                    path.map { ["--config", $0] } ?? [], environment: environment)
                guard case .run(let configuration) = invocation else { continue }
                if service == .feed { outcome.configuration = configuration }
            } catch {
                for problem in error.problems where !problems.contains(problem) { problems.append(problem) }
            }
        }
        let place = path ?? "the environment"
        for problem in problems {
            outcome.findings.append(
                .failed("configuration", problem, "correct it in \(place); docs/configuration.md lists every setting"))
        }
        guard let configuration = outcome.configuration else { return outcome }
        for warning in configuration.warnings {
            outcome.findings.append(.warning("configuration", warning, "chmod 600 that file"))
        }
        if problems.isEmpty {
            outcome.findings.append(.good("configuration", "\(place) is understood by all services"))
        }
        checkKeys(configuration, &outcome)
        return outcome
    }

    private func checkKeys(_ configuration: Configuration, _ outcome: inout Outcome) {
        do {
            let keys = try configuration.masterKeys().map { try MasterKey(text: $0.reveal()) }
            outcome.secrets = try SecretBox(current: keys[0], previous: Array(keys.dropFirst()))
            outcome.findings.append(
                .good("master key", "\(keys.count == 1 ? "one key" : "\(keys.count) keys"), current \(keys[0].id)"))
        } catch let error as ConfigurationError {
            outcome.findings.append(
                .failed(
                    "master key", error.problems.joined(separator: "; "),
                    "set FANFARE_MASTER_KEY_FILE; `fanfare up` makes one in its folder"))
        } catch {
            outcome.findings.append(
                .failed("master key", "it is no key: \(error)", "put back the key that the secrets were sealed with"))
        }
    }
}
