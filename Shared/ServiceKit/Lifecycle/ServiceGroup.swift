public import Observability

/// Runs services together and ends them one after the other.
///
/// All start at once. They end in the order given: intake first, then what it feeds, storage last; each is stopped when
/// the one before it has returned, so that whoever drains still finds what it drains into. One that fails, or returns
/// unasked, brings the others down the same way and makes the result `failed`.
public struct ServiceGroup: Sendable {
    /// How long things may take.
    public struct Timing: Sendable {
        /// From the request to the first stop; does not apply when a service has failed.
        public var delay: Duration
        /// From the first stop to `whenGraceIsOver`.
        public var grace: Duration

        public init(delay: Duration = .zero, grace: Duration) {
            self.delay = delay
            self.grace = grace
        }
    }

    private let services: [any Service]
    private let timing: Timing
    private let logger: Logger
    private let willStop: @Sendable () -> Void
    private let whenGraceIsOver: @Sendable (_ running: [String]) -> Void

    /// - Parameter services: in the order in which they end.
    /// - Parameter willStop: called once, before the delay: readiness turns here.
    /// - Parameter whenGraceIsOver: called when services still run after the grace. A group cannot leave them behind, so
    ///   a program ends itself here.
    public init(
        _ services: [any Service], timing: Timing, logger: Logger, willStop: @escaping @Sendable () -> Void = {},
        whenGraceIsOver: @escaping @Sendable (_ running: [String]) -> Void
    ) {
        self.services = services
        self.timing = timing
        self.logger = logger
        self.willStop = willStop
        self.whenGraceIsOver = whenGraceIsOver
    }

    /// Runs until `shutdown` is requested, the task is cancelled or a service ends, and then until all have returned.
    public func run(until shutdown: ShutdownSignal) async -> ExitCode {
        let stops = services.map { _ in ShutdownSignal() }
        return await withTaskGroup(of: Event.self) { group in
            for (index, service) in services.enumerated() {
                group.addTask { .ended(index, await ServiceGroup.run(service, until: stops[index])) }
            }
            group.addTask {
                await shutdown.wait()
                return .shutdownRequested
            }
            var progress = ServiceGroupProgress(count: services.count)
            while let event = await group.next() {
                for action in progress.handle(event) {
                    switch action {
                    case .announce:
                        shutdown.request()
                        willStop()
                        for service in services { service.willStop() }
                    case .wait(let timer): group.addTask { await wait(for: timer) }
                    case .stop(let index):
                        logger.debug("stopping", ["what": .string(services[index].name)])
                        stops[index].request()
                    case .report(let index, let end): report(services[index].name, end)
                    case .giveUp(let running): whenGraceIsOver(running.map { services[$0].name })
                    case .finish: group.cancelAll()
                    }
                }
            }
            return progress.hasFailed ? .failed : .done
        }
    }

    enum Timer: Hashable, Sendable { case delay, grace }

    enum End: Sendable {
        case returned
        case failed(any Error)
    }

    enum Event: Sendable {
        case ended(Int, End)
        case shutdownRequested
        case over(Timer)
    }

    private func wait(for timer: Timer) async -> Event {
        do {
            try await Task.sleep(for: timer == .delay ? timing.delay : timing.grace)
        } catch {
            // The group is done, or was cancelled: either way there is nothing left to wait for.
        }
        return .over(timer)
    }

    private func report(_ name: String, _ end: End) {
        switch end {
        case .returned: logger.error("a service ended unasked", ["what": .string(name)])
        case .failed(let error):
            logger.error("a service failed", ["what": .string(name), "reason": .describing(error)])
        }
    }

    private static func run(_ service: any Service, until stop: ShutdownSignal) async -> End {
        do {
            try await service.run(until: stop)
            return .returned
        } catch is CancellationError {
            // What stopped code commonly throws; whether it was to stop, the progress knows.
            return .returned
        } catch {
            return .failed(error)
        }
    }
}
