internal import Crypto
internal import EventCodec
internal import EventModel
internal import Store

/// `agent.run.queued`: tells of a run on the feed, and so to every webhook that wants to know.
enum RunQueuedEvent {
    private static let type: EventType = {
        guard let type = EventType("agent.run.queued") else { preconditionFailure("the type is a constant") }
        return type
    }()

    /// What event and topic say of a run.
    static func body(_ run: NewAgentRun) -> [UInt8] {
        var json = JSONWriter(capacity: 320 + run.inputs.count)
        json.object { json in
            json.member("run_id", run.id)
            json.member("chat_id", run.chat)
            json.member("agent_id", run.agent)
            if let role = run.role { json.member("role", role) }
            if let trigger = run.trigger { json.member("trigger_id", trigger) }
            if let workspace = run.workspace { json.member("workspace_id", workspace) }
            json.member("event_id", run.event)
            json.member("inputs", raw: run.inputs)
        }
        return json.bytes
    }

    /// The same event, id included, however often it is made: the run is its key.
    ///
    /// - Parameter createdAt: When the run was made, as its row says.
    static func make(_ run: NewAgentRun, body: [UInt8], createdAt: Timestamp) -> NewEvent {
        let digest = SHA256.hash(
            DedupeKey.material(tenant: run.tenant, door: "agent-run", key: run.id.description, index: nil)
        ).prefix
        let key = DedupeKey(high: digest.high, low: digest.low)
        let id = EventIDMaker.keyed(key, at: createdAt)
        return NewEvent(
            id: id, tenant: run.tenant, type: type.text, smithID: nil, createdAt: createdAt, dedupeKey: key.bytes,
            envelope: EnvelopeWriter.write(
                id: id, type: type, createdAt: createdAt, tenant: run.tenant, smith: nil, data: body))
    }
}
