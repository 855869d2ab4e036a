internal import Backbone
internal import Crypto
internal import EventCodec
internal import EventModel
internal import Observability

/// An event that a trigger emits.
enum EmittedEvent {
    /// The same event, id included, however often it is made: trigger and cause are its key.
    static func make(_ type: EventType, data: [UInt8], trigger: TriggerID, row: FeedRow) -> NewEvent {
        let digest = SHA256.hash(
            DedupeKey.material(tenant: row.tenant, door: "trigger", key: "\(trigger)/\(row.id)", index: nil)
        ).prefix
        let key = DedupeKey(high: digest.high, low: digest.low)
        let id = EventIDMaker.keyed(key, at: row.recordedAt)
        return NewEvent(
            id: id, tenant: row.tenant, type: type.text, smithID: nil, createdAt: row.recordedAt, dedupeKey: key.bytes,
            envelope: EnvelopeWriter.write(
                id: id, type: type, createdAt: row.recordedAt, tenant: row.tenant, smith: nil, data: data))
    }
}

/// Puts the matcher's own events on the log.
struct EmissionQueue: Sendable {
    let eventLog: any EventLog
    /// Whether the feed has an event already.
    let isStored: @Sendable (EventID, TenantID) async throws -> Bool
    let emitted: Counter
    let log: LimitedLogger
    var clock: any WallClock = SystemClock()

    private static let retryInterval: Duration = .milliseconds(200)

    /// Returns when all of them are durable: one that comes twice is known by its key. Tries again while the log is away.
    ///
    /// - Throws: `CancellationError`; `BackboneError` when the log has stopped.
    func queue(_ events: [NewEvent]) async throws {
        var left = events
        while !left.isEmpty {
            do {
                left = try await unstored(left)
                let receipts = left.isEmpty ? [] : try await eventLog.append(left)
                var unknown: [NewEvent] = []
                for (event, receipt) in zip(left, receipts) {
                    switch receipt {
                    case .stored: emitted.increment()
                    case .refused(let reason):
                        log.error(
                            "emission-refused", ["event": .describing(event.id), "reason": .string(reason)])
                    case .unknown: unknown.append(event)
                    }
                }
                left = unknown
                if left.isEmpty { return }
            } catch let error as BackboneError where error.code == .stopped {
                throw error
            } catch {
                log.warning("emissions-not-stored", ["reason": .describing(error)])
            }
            // Throws where the task was cancelled.
            try await Task.sleep(for: Self.retryInterval)
        }
    }

    /// Without what was emitted before, of events that are old enough for their keys to be forgotten.
    private func unstored(_ events: [NewEvent]) async throws -> [NewEvent] {
        let now = clock.now()
        var left: [NewEvent] = []
        for event in events {
            if now.microseconds(since: event.createdAt) > DedupeDoubt.age, try await isStored(event.id, event.tenant) {
                continue
            }
            left.append(event)
        }
        return left
    }
}
