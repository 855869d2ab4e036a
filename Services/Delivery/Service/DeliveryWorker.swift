internal import Backbone
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// Takes records from the lanes, has them sent, and gives their outcomes back.
///
/// Three loops: intake, settling, and the disabling of endpoints that answered 410. Joins the lanes only with a
/// configuration snapshot in hand.
final class DeliveryWorker: Sendable {
    private let lanes: any DeliveryLanes
    private let follower: RevisionFollower
    private let dispatcher: Dispatcher
    private let sender: any AttemptSender
    private let outcomes: OutcomeQueue
    private let disabling: EndpointDisabler
    private let cursors: CursorEngine?
    private let logger: Logger

    init(
        lanes: any DeliveryLanes, follower: RevisionFollower, dispatcher: Dispatcher, sender: any AttemptSender,
        outcomes: OutcomeQueue, disabling: EndpointDisabler, cursors: CursorEngine? = nil,
        logger: Logger
    ) {
        self.lanes = lanes
        self.follower = follower
        self.dispatcher = dispatcher
        self.sender = sender
        self.outcomes = outcomes
        self.disabling = disabling
        self.cursors = cursors
        self.logger = logger
    }

    /// Works until `shutdown`.
    func run() async throws {
        try await follower.reach(1)
        try await withThrowingTaskGroup { group in
            group.addTask { try await self.lanes.run() }
            group.addTask { try await self.takeIn() }
            group.addTask { try await self.settle() }
            group.addTask { await self.disabling.run() }
            if let cursors { group.addTask { await cursors.run() } }
            try await group.waitForAll()
        }
    }

    /// Starts nothing more, waits for what is under way as long as the lanes do, records it, gives the lanes back.
    func shutdown() async {
        dispatcher.beginDrain()
        await cursors?.drain()
        await lanes.shutdown()
        cursors?.stop()
        outcomes.close()
        disabling.close()
    }

    private func takeIn() async throws {
        while let signals = try await lanes.receive() {
            if !signals.lost.isEmpty { cursors?.lose(signals.lost) }
            if !signals.gained.isEmpty { await cursors?.gain(signals.gained) }
            cursors?.recorded(signals.recorded)
            // A record may be newer than this worker's configuration: it is held until the worker has caught up.
            if let newest = signals.records.map(\.configVersion).max(), newest > follower.version {
                try await follower.reach(newest)
            }
            dispatcher.take(signals, sender: sender)
            await dispatcher.waitForRoom()
        }
    }

    private func settle() async throws {
        while let batch = await outcomes.next() {
            cursors?.note(batch)
            try await lanes.settle(batch)
        }
    }
}
