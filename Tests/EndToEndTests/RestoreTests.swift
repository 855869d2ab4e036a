import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// A database that has gone back in time, under clients and processes that have not.
    @Suite struct RestoreTests {
        @Test(.timeLimit(.minutes(4)), arguments: TestBackbone.available)
        func `a base backup that takes over gives no position out twice, and nobody has to restart`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await backbone.start()
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let watched = try await installation.watch(receiver, events: ["history"])
            let kept = try await installation.publish("history.kept", key: "kept")
            // What a backup does not know to be delivered is sent again.
            try await eventually("the first delivery is recorded") {
                try await installation.verdicts(event: kept, webhook: watched.id) == ["delivered"]
            }
            try await installation.takeBaseBackup()
            var lost: [String] = []
            for _ in 0..<3 { lost.append(try await installation.publish("history.lost")) }
            _ = await receiver.requests.first(4)
            let cursor = try await installation.cursor("type=history")
            let highest = try await installation.highestPosition()
            let processes = installation.status.services

            try await installation.stopPostgresAtOnce()
            try installation.putBaseBackupInPlace()
            try await installation.up()
            #expect(installation.status.services == processes)
            let new = try await eventually("events are taken again", within: .seconds(40)) {
                try? await installation.publish("history.new")
            }
            // What the database lost is gone with Postgres alone; Kafka has it still, and it is stored again.
            let after = backbone == .kafka ? lost + [new] : [new]
            // The client's cursor lies beyond all that is left; nothing of what comes is missing from it.
            try await eventually("the feed has what came afterwards", within: .seconds(60)) {
                try await installation.page("type=history&cursor=\(cursor)").count >= after.count
            }
            let page = try await installation.page("type=history&cursor=\(cursor)")
            let rest = try await installation.page("type=history")
            #expect(Set(page) == Set(after) && page.count == after.count)
            #expect(Set(rest) == Set([kept] + after) && rest.count == after.count + 1)
            for id in lost {
                let status = try await installation.request("GET", "/v1/events/\(id)").status
                #expect(status == (backbone == .kafka ? 200 : 404))
            }
            let lowest = try await installation.number("select max(pos) from fanfare.events where event_id = '\(new)'")
            #expect(lowest > highest)
            // Workers and matchers, whose memory is ahead of the database, deliver what is new.
            // What was stored again is sent again, under the same ids.
            try await eventually("the new event is delivered", within: .seconds(60)) {
                receiver.requests.values.contains { $0.header("X-IC-Event-Id") == new }
            }
            let delivered = receiver.requests.values.compactMap { $0.header("X-IC-Event-Id") }
            #expect(delivered.first == kept && Set(delivered.prefix(4)) == Set([kept] + lost))
            #expect(Set(delivered) == Set([kept] + lost + [new]))
            // Epochs leap too. A worker that has not heard of it yet may send what it reads, is refused when it records
            // that, and sends it once more under the new epoch.
            if backbone == .postgres {
                #expect(delivered.dropFirst(4).count <= 2 && !delivered.dropFirst(4).contains { $0 != new })
            }
            let second = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(second, events: ["afterwards"])
            let last = try await installation.publish("afterwards.one")
            #expect(await second.requests.first(1).first?.header("X-IC-Event-Id") == last)
            try await Verifiers.check([(try #require(await second.requests.first(1).first), webhook.secret)])
            // Keys of before the backup are known.
            #expect(try await installation.publish("history.kept", key: "kept") == kept)
            try await installation.down()
        }

        @Test(.timeLimit(.minutes(2)))
        func `a dump that is restored elsewhere starts another epoch, and says so to old cursors`() async throws {
            let installation = try await Installation.start()
            let receiver = try TestReceiver { _ in [.answer(204)] }
            _ = try await installation.watch(receiver, events: ["history"])
            let kept = try await installation.publish("history.kept", key: "kept")
            _ = await receiver.requests.first(1)
            let old = try await installation.cursor("type=history")
            try await installation.takeDump()
            _ = try await installation.publish("history.lost")
            _ = await receiver.requests.first(2)
            let newer = try await installation.cursor("type=history")
            let highest = try await installation.highestPosition()

            try await installation.down()
            try await installation.restoreDumpElsewhere()
            try await installation.up()
            for cursor in [old, newer] {
                let gone = try await installation.request("GET", "/v1/events?type=history&cursor=\(cursor)")
                #expect(gone.status == 410)
                let error = try JSONValue(parsing: gone.body)["error"]
                #expect(error?["code"] == .string("cursor_gone") && error?["reason"] == .string("epoch_changed"))
                guard case .string(let oldest)? = error?["oldest_cursor"] else {
                    throw EndToEndError(description: gone.text)
                }
                #expect(try await installation.page("type=history&cursor=\(oldest)") == [kept])
                let stream = try await installation.request("GET", "/v1/events/stream?cursor=\(cursor)")
                #expect(stream.status == 410)
            }
            let new = try await installation.publish("history.new")
            #expect(try await installation.page("type=history") == [kept, new])
            let position = try await installation.number("select max(pos) from fanfare.events")
            #expect(position > highest)
            // Secrets open with the installation's key, and what was delivered before is not delivered again.
            let delivered = await receiver.requests.first(3).compactMap { $0.header("X-IC-Event-Id") }
            #expect(delivered.first == kept && delivered.last == new)
            #expect(try await installation.publish("history.kept", key: "kept") == kept)
            try await installation.down()
        }
    }
}

extension Installation {
    fileprivate func page(_ query: String) async throws -> [String] {
        let page = try JSONValue(parsing: try await request("GET", "/v1/events?\(query)").body)
        guard case .array(let events)? = page["data"] else { throw EndToEndError(description: "\(page)") }
        return events.compactMap { event in
            guard case .string(let id)? = event["id"] else { return nil }
            return id
        }
    }

    /// Where a client stands that has read everything.
    fileprivate func cursor(_ query: String) async throws -> String {
        try string("next_cursor", of: try await request("GET", "/v1/events?\(query)"))
    }

    fileprivate func highestPosition() async throws -> Int {
        try await number("select max(pos) from fanfare.events")
    }

    fileprivate func number(_ sql: String) async throws -> Int {
        let rows = try await rows(of: "select (\(sql)) as n")
        guard case .number(let number)? = rows.first?["n"], let value = number.int else {
            throw EndToEndError(description: "\(sql): \(rows)")
        }
        return Int(value)
    }
}
