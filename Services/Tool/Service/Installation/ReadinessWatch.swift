internal import EventCodec
internal import ServiceKit

/// Waits until services say that they are ready, and tells what keeps them from it.
struct ReadinessWatch: Sendable {
    let folder: InstallationFolder
    let options: InstallationOptions
    let http: WebClient
    let console: Console

    /// A service that is not ready by then will not be without help.
    static let limit = Duration.seconds(60)
    /// From then on it is told what is waited for.
    private static let silence = Duration.seconds(2)
    private static let interval = Duration.milliseconds(10)
    private static let logLines = 12

    enum Condition: Sendable, Hashable {
        case ready
        /// What `/readyz` names; empty while nothing answers yet.
        case waiting([String])
    }

    func condition(_ service: ServiceName) async -> Condition {
        guard let answer = try? await http.get("\(options.adminURL(service))/readyz", timeout: .seconds(2)) else {
            return .waiting([])
        }
        return answer.status == 200 ? .ready : .waiting(Self.failing(answer.body))
    }

    static func failing(_ body: [UInt8]) -> [String] {
        guard let value = try? JSONValue(parsing: body) else { return [] }
        return value["failing"]?.elements.compactMap(\.string) ?? []
    }

    /// - Throws: when one of them ends, is not ready in time, or the command is interrupted.
    func wait(for services: [ServiceName: ProcessIdentity], until stop: ShutdownSignal) async throws(ToolError) {
        let start = ContinuousClock.now
        var waiting = ServiceProcesses.displayOrder.filter { services[$0] != nil }
        var told: [ServiceName: [String]] = [:]
        while true {
            for service in waiting {
                let condition = await condition(service)
                // Looked at last: whoever answers may be another program on the same port.
                guard services[service]?.isAlive == true else { throw ended(service) }
                switch condition {
                case .ready: waiting.removeAll { $0 == service }
                case .waiting(let names):
                    guard start.duration(to: .now) > Self.silence, told[service] != names else { continue }
                    told[service] = names
                    console.progress(
                        "  \(service.rawValue) is not ready yet\(names.isEmpty ? "" : ": \(names.joined(separator: ", "))")"
                    )
                }
            }
            guard let first = waiting.first else { return }
            if stop.isRequested { throw ToolError(.interrupted, "interrupted") }
            guard start.duration(to: .now) < Self.limit else { throw notReady(first, told[first] ?? []) }
            do { try await Task.sleep(for: Self.interval) } catch { throw ToolError(.interrupted, "interrupted") }
        }
    }

    private func ended(_ service: ServiceName) -> ToolError {
        ToolError(.startFailed, "\(service.rawValue) ended while it started" + excerpt(service))
    }

    private func notReady(_ service: ServiceName, _ names: [String]) -> ToolError {
        let reason = names.isEmpty ? "does not answer" : "waits for: \(names.joined(separator: ", "))"
        return ToolError(
            .startFailed,
            "\(service.rawValue) is not ready after \(Self.limit.components.seconds) s; it \(reason)" + excerpt(service)
        )
    }

    private func excerpt(_ service: ServiceName) -> String {
        let path = folder.log(service)
        let lines = Files.lastLines(path, Self.logLines)
        return lines.isEmpty ? "; see \(path)" : ". The end of \(path):\n  " + lines.joined(separator: "\n  ")
    }
}
