/// The decisions of a `ServiceGroup`: which service to stop when. No clock, no tasks.
struct ServiceGroupProgress {
    enum Action {
        /// The end begins.
        case announce
        /// An `over` of this timer is wanted.
        case wait(ServiceGroup.Timer)
        case stop(Int)
        /// A service ended that should not have, or in a way that it should not have.
        case report(Int, ServiceGroup.End)
        /// The grace is over and these still run.
        case giveUp([Int])
        /// All have returned.
        case finish
    }

    private enum Phase { case running, delaying, stopping, finished }

    private var phase = Phase.running
    private var running: Set<Int>
    private var stopped: Set<Int> = []
    private(set) var hasFailed = false

    init(count: Int) {
        running = Set(0..<count)
    }

    mutating func handle(_ event: ServiceGroup.Event) -> [Action] {
        switch event {
        case .ended(let index, let end): return ended(index, end)
        case .shutdownRequested:
            guard phase == .running else { return [] }
            phase = .delaying
            return [.announce, .wait(.delay)]
        case .over(.delay):
            guard phase == .delaying else { return [] }
            return beginStopping()
        case .over(.grace):
            guard phase == .stopping else { return [] }
            hasFailed = true
            return [.giveUp(running.sorted())]
        }
    }

    private mutating func ended(_ index: Int, _ end: ServiceGroup.End) -> [Action] {
        running.remove(index)
        var actions: [Action] = []
        let isExpected = if case .returned = end { stopped.contains(index) } else { false }
        if !isExpected {
            hasFailed = true
            actions.append(.report(index, end))
        }
        switch phase {
        case .running: return actions + [.announce] + beginStopping()
        case .delaying: return isExpected ? actions : actions + beginStopping()
        case .stopping: return actions + stopNext()
        case .finished: return actions
        }
    }

    private mutating func beginStopping() -> [Action] {
        phase = .stopping
        return [.wait(.grace)] + stopNext()
    }

    private mutating func stopNext() -> [Action] {
        guard let next = running.min() else {
            phase = .finished
            return [.finish]
        }
        return stopped.insert(next).inserted ? [.stop(next)] : []
    }
}
