import Database
import Observability
import TestSupport
import Testing

@Suite(.database(), .timeLimit(.minutes(1))) struct ListenerTests {
    let database = TestDatabase.current

    @Test func `notifications arrive in order, on any channel name, with their payload`() async throws {
        let pool = database.pool(connections: 1)
        let channels = ["events", "Events", "events.idle", #"a "quoted" name"#, "名"]
        let heard = TestCollector<String>()
        let listener = Listener(
            database.configuration(), channels: channels, name: "t", logger: TestDatabase.logger, metrics: .init()
        ) {
            heard.append("\($0)|\($1)")
        } onReconnect: {
            heard.append("begin")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await listener.run() }
            #expect(await heard.first(1) == ["begin"])
            #expect(listener.isListening)
            for channel in channels { try await pool.notify(channel, "é\(channel)") }
            try await pool.notify("nobody", "listens")
            for number in 0..<100 { try await pool.notify("events", "\(number)") }
            let all = await heard.first(106)
            #expect(Array(all[1...5]) == channels.map { "\($0)|é\($0)" })
            #expect(Array(all[6...]) == (0..<100).map { "events|\($0)" })
            group.cancelAll()
        }
    }

    @Test func `a listener that cannot connect stops when it is told to`() async throws {
        let listener = Listener(
            DatabaseConfiguration(dsn: "host=/nowhere"), channels: ["x"], name: "t", logger: TestDatabase.quietLogger,
            metrics: .init()
        ) { _, _ in
        } onReconnect: {
            Issue.record("there is no server")
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await listener.run() }
            group.cancelAll()
        }
        #expect(!listener.isListening)
    }
}
