internal import Backbone
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// Reading the feed behind cursors, one page after the other, in turn.
extension CursorEngine {
    /// Events of a cursor that are read and not settled.
    static let credit = 1_024
    private static let pageEvents = 256
    private static let pageBytes = 1 << 20
    /// Of events that wait in memory, all cursors together; beyond it a cursor gets one when it has none.
    private static let memory = 16 << 20
    /// A span that is so close to the head is closed: its cursor sends the tail.
    private static let closeDistance: Int64 = 1_000
    /// How often a cursor that stands at the head is read, in microseconds.
    private static let headPause: Int64 = 100_000
    private static let failurePause: Int64 = 200_000
    private static let rest: Duration = .milliseconds(50)
    private static let idleRest: Duration = .seconds(1)

    func read() async {
        while !isOver {
            if await readTurn() { continue }
            let isIdle = state.withLock(\.cursors.isEmpty)
            await readWake.wait(atMost: isIdle ? Self.idleRest : Self.rest)
        }
    }

    /// Reads a page of each cursor that wants one; false when none does.
    func readTurn() async -> Bool {
        let wanted = wanted()
        for (cursor, events) in wanted where !isOver { await readPage(of: cursor, events: events) }
        return !wanted.isEmpty
    }

    /// Which cursors to read now, in turn, and how many events at most.
    private func wanted() -> [(CursorID, Int)] {
        let now = clock.now()
        let candidates = state.withLock { state -> [(id: CursorID, endpoint: EndpointID)] in
            if state.isDraining { return [] }
            return state.turns.compactMap { id in
                guard let active = state.cursors[id], !active.isAtEnd, active.nextRead <= now,
                    active.openCount < Self.credit
                else { return nil }
                return (id, active.cursor.endpoint)
            }
        }
        if candidates.isEmpty { return [] }
        let isCrowded = dispatcher.cursorLoad.bytes > Self.memory
        return zip(candidates, dispatcher.levels(of: candidates)).compactMap { candidate, level in
            // An endpoint that gets probes only needs the next one and nothing else.
            if level.isBlocked || isCrowded { return level.waiting == 0 ? (candidate.id, 1) : nil }
            return level.waiting < Self.lowLevel ? (candidate.id, Self.pageEvents) : nil
        }
    }

    private func readPage(of id: CursorID, events: Int) async {
        guard let active = state.withLock({ $0.cursors[id] }) else { return }
        let cursor = active.cursor
        do {
            let match = try await match(of: active)
            let page = try await feed.page(
                CursorQuery(
                    tenant: cursor.tenant, endpoint: cursor.endpoint, after: active.readTo, until: cursor.until,
                    families: match.families, smith: cursor.smith, limit: events, bytes: Self.pageBytes,
                    job: cursor.pageOfJob))
            try await follower.reach(page.configVersion)
            if let newest = book.configuration(of: cursor.endpoint)?.version, newest > match.version {
                // The webhook was changed before this snapshot: what it wants now may not be in the page.
                state.withLock { $0.cursors[id]?.match = nil }
                return
            }
            take(page, of: active, match)
        } catch {
            if Task.isCancelled { return }
            logger.warning("cursor-not-read", ["cursor": .describing(id), "reason": .describing(error)])
            let later = clock.now().adding(microseconds: Self.failurePause)
            state.withLock { $0.cursors[id]?.nextRead = later }
        }
    }

    private func match(of active: ActiveCursor) async throws -> CursorMatch {
        if let match = active.match { return match }
        let match = CursorMatch(
            active.cursor, history: try await history(active.cursor.endpoint, active.cursor.pos))
        state.withLock { $0.cursors[active.cursor.id]?.match = match }
        return match
    }

    private func take(_ page: CursorPage, of active: ActiveCursor, _ match: CursorMatch) {
        let cursor = active.cursor
        let accepted = page.items.filter { match.accepts($0) }
        instruments.read(page.items.count)
        let now = clock.now()
        let isBlocked = dispatcher.levels(of: [(cursor.id, cursor.endpoint)])[0].isBlocked
        let records = state.withLock { state -> [LaneRecord] in
            guard let known = state.cursors[cursor.id], known.laneEpoch == active.laneEpoch,
                known.readTo == active.readTo, !known.isCancelled, !state.isDraining
            else { return [] }
            let items = accepted.filter { $0.pos <= known.end }
            state.cursors[cursor.id]?.read(items.map { ($0.pos, $0.recordedAt) }, to: page.edge)
            state.head = max(state.head, page.next - 1)
            let isAtHead = page.edge >= page.next - 1
            if isAtHead, known.cursor.until == nil {
                state.cursors[cursor.id]?.nextRead = now.adding(microseconds: Self.headPause)
            }
            if known.cursor.kind == .span, known.cursor.until == nil, !isBlocked, now >= known.staysUntil,
                page.next - 1 - page.edge <= Self.closeDistance,
                (state.cursors[cursor.id]?.openCount ?? 0) <= Int(Self.closeDistance)
            {
                state.cursors[cursor.id]?.isClosing = true
            }
            return items.map { item in
                state.lastOffset += 1
                state.flights[state.lastOffset] = Flight(cursor: cursor.id, pos: item.pos, result: nil)
                let handle = LaneHandle(
                    lane: cursor.lane, epoch: active.laneEpoch, source: LaneHandle.cursor, offset: state.lastOffset)
                return LaneRecord(
                    handle: handle,
                    delivery: DeliveryID(event: item.event, endpoint: cursor.endpoint, cause: cursor.cause),
                    endpoint: cursor.endpoint, event: item.event, tenant: cursor.tenant, type: item.type, pos: item.pos,
                    cause: cursor.cause, attempt: 1, configVersion: page.configVersion, recordedAt: item.recordedAt,
                    firstDueAt: now, envelope: item.envelope, trace: item.trace)
            }
        }
        if state.withLock({ $0.cursors[cursor.id].map { $0.isClosing || $0.isDone } ?? false }) { controlWake.set() }
        if !records.isEmpty { dispatcher.take(records, of: cursor.id, sender: sender) }
    }
}
