internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

extension FanOutWorker {
    /// A consumed record on its way to the feed.
    private struct Entry {
        var part: Int
        var message: KafkaMessage
        /// Nil: it was set aside, or there is only `duplicate`.
        var event: NewEvent?
        /// The audit of a request whose event the log knew already.
        var duplicate: EventAudit?
    }

    /// Stores what was consumed, in one call where nothing is wrong with it.
    ///
    /// - Returns: how many records that were.
    func storePending() async -> Int {
        let (taken, rereads, isFull) = shared.state.withLock { state in
            let (records, rereads) = state.takeRecords()
            return (records, rereads, state.isFull)
        }
        if !isFull { shared.room.set() }
        for (claim, offset) in rereads { turnBack(claim, to: offset) }
        var entries: [Entry] = []
        entries.reserveCapacity(taken.count)
        for record in taken {
            var entry = Entry(part: record.part, message: record.message, event: nil)
            switch decode(record) {
            case .success(let event) where event.audit?.record.verdict == .duplicate: entry.duplicate = event.audit
            case .success(let event): entry.event = event
            case .failure(let error): guard await park(entry, reason: error.description) else { return taken.count }
            }
            entries.append(entry)
        }
        if !entries.isEmpty { await store(entries) }
        shared.state.withLock { $0.endStoring() }
        return taken.count
    }

    private func decode(_ record: FanOutState.Taken) -> Result<NewEvent, RecordError> {
        record.message.decoded { bytes throws(RecordError) in
            try EventRecord.read(bytes) { lostAudit(part: record.part, record.message, reason: $0.description) }
        }
    }

    /// What the audit was to say of a request cannot be read or stored; its event is not touched.
    private func lostAudit(part: Int, _ message: KafkaMessage, reason: String) {
        auditLost.increment()
        logger.error(
            "row of the audit lost",
            ["part": .int(part), "offset": .int(Int(message.offset)), "reason": .string(reason)])
    }

    /// Repeats until it is done, the parts are another's, or the fan-out is given up.
    private func store(_ all: [Entry]) async {
        var entries = all
        while true {
            let call = shared.state.withLock { prepare(&entries, &$0) }
            guard let call else { return }
            do throws(DatabaseError) {
                let rows = try await pool.execute(
                    StoreStatement.statement(for: call.batch),
                    StoreStatement.parameters(
                        topic: Topic.events, owned: call.owned, fanned: call.fanned, batch: call.batch,
                        window: configuration.dedupeWindow))
                switch StoreStatement.answer(rows) {
                case .stored(let stored): return await hand(stored, of: entries)
                case .refused(let parts):
                    shared.state.withLock { state in
                        state.notRecorded(call.recorded)
                        state.refused(parts, at: .now)
                    }
                }
            } catch {
                shared.state.withLock { $0.notRecorded(call.recorded) }
                if error.isPoison, !error.outcomeUnknown {
                    guard await divide(&entries, error) else { return }
                } else {
                    logger.warning("events not stored", ["reason": .describing(error)])
                    await pause()
                }
            }
        }
    }

    private struct Call {
        var batch = StoreStatement.Batch()
        var owned: [StoreStatement.Owned] = []
        var fanned: Int64?
        /// Parts whose fan-out the call records.
        var recorded: [Int] = []
    }

    /// Leaves out what is not ours any more; nil when nothing is left to do.
    private func prepare(_ entries: inout [Entry], _ state: inout FanOutState) -> Call? {
        if state.isAbandoned || Task.isCancelled { return nil }
        entries.removeAll { entry in
            state.parts[entry.part].map { $0.epoch == nil || $0.claim != entry.message.claim } ?? true
        }
        guard !entries.isEmpty else { return nil }
        var call = Call()
        var next: [Int: Int64] = [:]
        for entry in entries {
            next[entry.part] = entry.message.offset + 1
            let (part, offset) = (entry.part, entry.message.offset)
            if let event = entry.event { call.batch.append(event, part: part, offset: offset) }
            if let audit = entry.duplicate { call.batch.append(duplicate: audit, part: part, offset: offset) }
        }
        if let fanned = state.takeFanned(storing: Array(next.keys)) {
            call.fanned = fanned.fanned
            call.recorded = fanned.parts
        }
        call.owned = state.owned(Set(next.keys).union(call.recorded)).map {
            StoreStatement.Owned($0, next: next[$0.part])
        }
        return call
    }

    /// Rows that were stored go to the matcher; twins do not.
    private func hand(_ stored: StoreStatement.Stored, of all: [Entry]) async {
        let entries = all.filter { $0.event != nil }
        let positions = stored.positions(count: entries.count)
        var next: [PartitionClaim: Int64] = [:]
        for entry in all { next[entry.message.claim] = entry.message.offset + 1 }
        consumer.advance(next.map { ($0.key, $0.value) })
        observe(entries.lazy.map(\.message), storedAt: stored.events.recordedAt)
        for part in stored.gaps {
            logger.error("the log lost records before they were stored", ["part": .int(part)])
        }
        var rows: [FeedRow] = []
        rows.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            guard let pos = positions[index], let event = entry.event else { continue }
            rows.append(
                FeedRow(
                    pos: pos, part: entry.part, id: event.id, tenant: event.tenant, type: event.type,
                    onlyEndpoint: event.onlyEndpoint, exceptEndpoint: event.exceptEndpoint,
                    recordedAt: stored.events.recordedAt, envelope: event.envelope,
                    acceptedAt: Timestamp(milliseconds: entry.message.timestamp), trace: event.trace))
        }
        if !rows.isEmpty { feedWake.committed() }
        if !stored.skipped.isEmpty {
            // An earlier call whose answer was lost had stored them: their positions are on the feed.
            let parts = Set(stored.skipped.map { entries[$0].part })
            feedWake.committed()
            await catchUp(parts.sorted(), upTo: stored.events.first - 1, isJoining: false)
        }
        guard let last = rows.last?.pos else { return }
        guard await waitForRoom() else { return }
        hand { state in
            state.made(
                rows, parts: Array(Set(entries.map(\.part))), readTo: last,
                configVersion: stored.events.configVersion)
        }
    }

    /// A batch's records were logged within moments of each other: those of one millisecond are observed together.
    private func observe(_ messages: some Sequence<KafkaMessage>, storedAt time: Timestamp) {
        var logged: Int64?
        var count = 0
        func tell() {
            guard let logged, count > 0 else { return }
            let seconds = Double(time.microseconds(since: Timestamp(milliseconds: logged))) / 1_000_000
            storeSeconds.observe(max(0, seconds), count: count)
        }
        for message in messages {
            if message.timestamp != logged {
                tell()
                logged = message.timestamp
                count = 0
            }
            count += 1
        }
        tell()
    }

    // MARK: Poison

    /// A batch that the store cannot hold: stores the halves, down to the record that is at fault, which is set aside.
    ///
    /// - Returns: whether `entries` is to be tried again.
    private func divide(_ entries: inout [Entry], _ error: DatabaseError) async -> Bool {
        if entries.count > 1 {
            await store(Array(entries[..<(entries.count / 2)]))
            await store(Array(entries[(entries.count / 2)...]))
            return false
        }
        // Free of payload.
        let reason = "\(error.code.rawValue) \(error.sqlState ?? "")"
        if entries[0].event?.audit != nil || entries[0].duplicate != nil {
            // It may be the audit that the store cannot hold: the event goes by itself.
            lostAudit(part: entries[0].part, entries[0].message, reason: reason)
            entries[0].event?.audit = nil
            entries[0].duplicate = nil
            return true
        }
        guard await park(entries[0], reason: reason) else { return false }
        entries[0].event = nil
        return true
    }

    /// Sets a record aside; false when the fan-out is given up before that is durable.
    private func park(_ entry: Entry, reason: String) async -> Bool {
        let offset = entry.message.offset
        logger.error(
            "record parked",
            ["topic": "events", "part": .int(entry.part), "offset": .int(Int(offset)), "reason": .string(reason)])
        while !Task.isCancelled, !shared.state.withLock(\.isAbandoned) {
            do {
                try await pool.execute(
                    ParkStatement.statement,
                    ParkStatement.parameters(
                        topic: Topic.events, part: entry.part, offset: offset, reason: reason,
                        record: Array(entry.message.value)))
                parked.increment()
                return true
            } catch {
                logger.warning("record not parked", ["reason": .describing(error)])
                await pause()
            }
        }
        return false
    }
}

extension DatabaseError {
    /// The data is at fault (class 22 or 23), and not our maintenance: "no partition of relation … found for row" has
    /// class 23 too, but no constraint's name.
    var isPoison: Bool {
        switch code {
        case .data: true
        case .constraint: !(sqlState == "23514" && constraint == nil)
        default: false
        }
    }
}
