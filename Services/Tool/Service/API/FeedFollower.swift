internal import Egress
internal import EventCodec
internal import ServiceKit
internal import Synchronization

/// Follows the feed's stream, over losses of the connection, without missing or repeating an event.
struct FeedFollower: Sendable {
    let api: APIClient
    let console: Console
    /// Of the stream's URL: `type`, `smith_id`, `since`; percent-encoded.
    var query: String = ""

    private static let firstPause = Duration.milliseconds(200)
    private static let longestPause = Duration.seconds(5)
    /// The feed sends a comment more often than that.
    private static let longestSilence = Duration.seconds(60)
    /// Pieces that wait to be worked on. One that works slowly is cut off and goes on where it was.
    private static let pieces = 1024

    private enum Ending {
        /// By the one who follows, or by the signal.
        case finished
        case lost(ToolError?)
        case refused(status: Int, body: [UInt8])
    }

    /// Gives each event to `body` until that returns false or `stop` is requested.
    ///
    /// - Parameter onOpen: called each time the stream stands.
    /// - Throws: what cannot be mended by connecting again.
    func follow(
        until stop: ShutdownSignal, onOpen: () async throws -> Void = {},
        _ body: (StreamEvent) async throws -> Bool
    ) async throws {
        var lastID: String?
        var pause = Self.firstPause
        var hasTold = false
        while !stop.isRequested {
            let ending = try await connect(
                lastID: lastID, stop: stop,
                onOpen: {
                    if hasTold { console.progress("connected again") }
                    hasTold = false
                    pause = Self.firstPause
                    try await onOpen()
                },
                { event in
                    let goesOn = try await body(event)
                    lastID = event.id ?? lastID
                    return goesOn
                })
            switch ending {
            case .finished: return
            case .lost(let error):
                if lastID == nil, !hasTold, let error, api.access.isLocal, error.code == .remote,
                    pause == Self.firstPause
                {
                    throw api.explained(error)
                }
                if !hasTold { console.progress("the connection is lost; trying again") }
                hasTold = true
            case .refused(410, let answer):
                let error = (try? JSONValue(parsing: answer))?["error"]
                guard let oldest = error?["oldest_cursor"]?.string else { throw APIClient.failure(url, 410, answer) }
                console.progress("some events are past their retention; going on from the oldest")
                lastID = oldest
            case .refused(let status, let answer):
                guard status == 429 || status >= 500 else { throw APIClient.failure(url, status, answer) }
                if !hasTold { console.progress("\(APIClient.failure(url, status, answer).message); trying again") }
                hasTold = true
            }
            await stop.wait(atMost: pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private var url: String { api.access.feedURL + "/v1/events/stream" + (query.isEmpty ? "" : "?\(query)") }

    private func connect(
        lastID: String?, stop: ShutdownSignal, onOpen: () async throws -> Void,
        _ body: (StreamEvent) async throws -> Bool
    ) async throws -> Ending {
        var headers = api.headers()
        headers.append("Accept", "text/event-stream")
        if let lastID { headers.append("Last-Event-ID", lastID) }
        let (pieces, feed) = AsyncStream.makeStream(of: Piece.self, bufferingPolicy: .bufferingOldest(Self.pieces))
        let silence = Silence()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            let (http, url) = (api.http, url)
            group.addTask { [headers] in
                let end: Piece
                do throws(ToolError) {
                    let status = try await http.stream(url, headers: headers) { status, bytes in
                        silence.isBroken()
                        if case .dropped = feed.yield(.bytes(status, bytes)) { feed.finish() }
                    }
                    end = .end(status, nil)
                } catch {
                    end = .end(nil, error)
                }
                feed.yield(end)
                feed.finish()
            }
            group.addTask {
                await stop.wait()
                feed.finish()
            }
            group.addTask {
                // The other side may have vanished without a word.
                await silence.wait(for: Self.longestSilence)
                feed.finish()
            }
            defer { group.cancelAll() }
            return try await read(pieces, stop, onOpen, body)
        }
    }

    private enum Piece: Sendable {
        case bytes(Int, [UInt8])
        case end(Int?, ToolError?)
    }

    private func read(
        _ pieces: AsyncStream<Piece>, _ stop: ShutdownSignal, _ onOpen: () async throws -> Void,
        _ body: (StreamEvent) async throws -> Bool
    ) async throws -> Ending {
        var parser = ServerSentEvents()
        var isOpen = false
        var refusal: [UInt8] = []
        for await piece in pieces {
            switch piece {
            case .bytes(200, let bytes):
                if !isOpen {
                    isOpen = true
                    try await onOpen()
                }
                for event in parser.read(bytes) where try await !body(event) { return .finished }
            case .bytes(_, let bytes): refusal += bytes
            case .end(let status?, _) where status != 200: return .refused(status: status, body: refusal)
            case .end(_, let error): return stop.isRequested ? .finished : .lost(error)
            }
        }
        return stop.isRequested ? .finished : .lost(nil)
    }
}

extension ShutdownSignal {
    /// Returns once the request is made, or the time is over.
    func wait(atMost limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask {
                do {
                    try await Task.sleep(for: limit)
                } catch {
                    // The request came first.
                }
            }
            await group.next()
            group.cancelAll()
        }
    }
}

/// How long nothing has come.
private final class Silence: Sendable {
    private let last = Mutex(ContinuousClock.now)

    func isBroken() { last.withLock { $0 = .now } }

    /// Returns when nothing has come for `limit`, or the task is cancelled.
    func wait(for limit: Duration) async {
        while true {
            let deadline = last.withLock(\.self) + limit
            guard deadline > .now else { return }
            do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
        }
    }
}
