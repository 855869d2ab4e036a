internal import Observability

/// One life of a service: admin server first and last, between them what the definition builds.
struct ServiceRun {
    private let definition: ServiceDefinition
    private let context: ServiceContext
    private let admin: AdminServer

    init(_ definition: ServiceDefinition, _ configuration: Configuration) {
        self.definition = definition
        let logger = Logger(service: definition.name.rawValue, level: configuration[Settings.logLevel])
        let metrics = MetricsRegistry()
        metrics.addBuildInfo(
            service: definition.name.rawValue, version: BuildInfo.version, revision: BuildInfo.revision)
        metrics.addProcessMetrics()
        let readiness = Readiness(logger: logger, metrics: metrics)
        context = ServiceContext(configuration: configuration, logger: logger, metrics: metrics, readiness: readiness)
        admin = AdminServer(
            listen: configuration[Settings.adminListen], readiness: readiness, metrics: metrics, logger: logger)
    }

    func run(until shutdown: ShutdownSignal) async -> ExitCode {
        let logger = context.logger
        logger.info("starting", ["version": .string(BuildInfo.version), "revision": .string(BuildInfo.revision)])
        for warning in context.configuration.warnings {
            logger.warning("configuration", ["warning": .string(warning)])
        }
        do {
            try admin.start()
        } catch {
            logger.error("the admin server does not start", ["reason": .describing(error)])
            return .failed
        }
        let stopAdmin = ShutdownSignal()
        return await withTaskGroup(of: ExitCode?.self) { group in
            group.addTask {
                do {
                    try await admin.run(until: stopAdmin)
                } catch {
                    logger.error("the admin server failed", ["reason": .describing(error)])
                }
                return nil
            }
            group.addTask { await serve(until: shutdown) }
            var result = ExitCode.failed
            while let code = await group.next() {
                if let code {
                    result = code
                    stopAdmin.request()
                } else if !stopAdmin.isRequested {
                    // Nobody could see any more how the service fares.
                    shutdown.request()
                }
            }
            logger.info("ended", ["code": .int(Int(result.rawValue))])
            return result
        }
    }

    private func serve(until shutdown: ShutdownSignal) async -> ExitCode {
        let services: [any Service]
        switch await build(until: shutdown) {
        case .built(let built): services = built
        case .ended(let code): return code
        }
        context.readiness.started()
        context.logger.info("started")
        let configuration = context.configuration
        let (logger, readiness) = (context.logger, context.readiness)
        let group = ServiceGroup(
            services,
            timing: ServiceGroup.Timing(
                delay: configuration[Settings.shutdownDelay], grace: configuration[Settings.shutdownGrace]),
            logger: logger,
            willStop: {
                readiness.beginShutdown()
                logger.info("shutting down")
            },
            whenGraceIsOver: { running in
                logger.error(
                    "the grace is over, ending without", ["what": .string(running.joined(separator: ","))])
                Program.end(ExitCode.failed.rawValue)
            })
        return await group.run(until: shutdown)
    }

    private enum Building: Sendable {
        case built([any Service])
        case ended(ExitCode)
    }

    /// Builds the service, or gives up when the program is told to end first.
    private func build(until shutdown: ShutdownSignal) async -> Building {
        await withTaskGroup(of: Building?.self) { group in
            group.addTask {
                do {
                    return .built(try await definition.build(context))
                } catch let error as ConfigurationError {
                    for problem in error.problems {
                        context.logger.error("configuration", ["problem": .string(problem)])
                    }
                    return .ended(.usage)
                } catch {
                    guard !shutdown.isRequested else { return .ended(.done) }
                    context.logger.error("the service cannot start", ["reason": .describing(error)])
                    return .ended(.failed)
                }
            }
            group.addTask {
                await shutdown.wait()
                return nil
            }
            var result: Building?
            while let event = await group.next() {
                result = event ?? result
                // The building ends the waiting, and a request to end cancels the building.
                group.cancelAll()
            }
            return result ?? .ended(.done)
        }
    }
}
