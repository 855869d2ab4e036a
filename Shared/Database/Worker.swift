internal import Observability

/// One connection and its thread, taking jobs from a queue.
struct Worker: Sendable {
    let queue: WorkQueue
    let configuration: DatabaseConfiguration
    let logger: Logger
    let metrics: DatabaseMetrics
    let health: PoolHealth

    /// How often an idle thread looks whether its connection still stands.
    static let idleCheck: Duration = .seconds(2)

    /// Starts the thread; `ended` is counted down when it is over.
    func start(_ name: String, ended: Latch) {
        NamedThread.start(name) {
            loop()
            ended.countDown()
        }
    }

    private func loop() {
        let connection = BlockingConnection(
            configuration, logger: logger, metrics: metrics, canceller: Canceller())
        var wasConnected = false
        connect(connection)
        while true {
            if connection.isConnected != wasConnected {
                wasConnected.toggle()
                health.changed(by: wasConnected ? 1 : -1)
            }
            let patience = connection.isConnected ? Self.idleCheck : connection.reconnectDelay
            switch queue.take(patience: patience) {
            case .job(let job): run(job, on: connection)
            case .nothing: connect(connection)
            case .closed:
                if wasConnected { health.changed(by: -1) }
                return
            }
        }
    }

    private func run(_ job: Job, on connection: BlockingConnection) {
        if let deadline = job.deadline, deadline <= .now {
            job.refuse(DatabaseError(.timeout, "no connection was free in time"))
            return
        }
        metrics.inUse.add(1)
        job.run(on: connection)
        metrics.inUse.add(-1)
    }

    /// A failure is logged and counted there; the backoff brings us back.
    private func connect(_ connection: BlockingConnection) {
        do {
            try connection.connect()
        } catch {
            metrics.count(error)
        }
    }
}
