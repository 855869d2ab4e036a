internal import HTTPServer
internal import Synchronization

/// Takes deliveries and counts them: which events came, which twice, and how long after they were due.
///
/// `/N` is the N-th endpoint; `/stalled/N` never answers.
final class BenchSink: RequestHandler {
    struct Tally: Sendable {
        var delivered = 0
        /// Deliveries of an event to an endpoint that had it already.
        var duplicates = 0
        var latencies = LatencySample()
        /// Of the last one that was new.
        var lastArrival: Int64 = 0
    }

    private struct State {
        var ids = 0..<0
        var fanOut = 1
        var seen: [UInt8] = []
        var tally = Tally()
        var stalled: [Responder] = []
    }

    private static let largestBody = 1 << 20

    private let state = Mutex(State())
    private let ok = Response(status: 200)

    static func makeServer(_ sink: BenchSink) -> HTTPServer {
        var configuration = HTTPServerConfiguration()
        configuration.threadName = "sink"
        return HTTPServer(configuration: configuration, handler: sink, logger: .silent)
    }

    /// Counts from now on what has one of these ids, and forgets what was.
    func expect(_ ids: Range<Int>, fanOut: Int) {
        state.withLock {
            $0.ids = ids
            $0.fanOut = fanOut
            $0.seen = [UInt8](repeating: 0, count: ids.count * fanOut)
            $0.tally = Tally(latencies: LatencySample(reserving: ids.count * fanOut))
        }
    }

    var delivered: Int { state.withLock(\.tally.delivered) }

    var tally: Tally { state.withLock(\.tally) }

    /// Expected events of which an endpoint has none.
    func missing(of accepted: Int) -> Int { state.withLock { max(0, accepted * $0.fanOut - $0.tally.delivered) } }

    func admit(_ head: RequestHead) -> Admission { .read(maxBody: Self.largestBody) }

    func handle(_ request: Request, _ responder: Responder) {
        let path = request.head.target
        if path.hasPrefix("/stalled") {
            state.withLock { $0.stalled.append(responder) }
            return
        }
        let now = BenchClock.now()
        if let marks = BenchPlan.Template.marks(in: request.body) {
            let endpoint = Int(path.dropFirst()) ?? 0
            state.withLock { state in
                guard state.ids.contains(marks.id), (0..<state.fanOut).contains(endpoint) else { return }
                let slot = (marks.id - state.ids.lowerBound) * state.fanOut + endpoint
                guard state.seen[slot] == 0 else {
                    state.tally.duplicates += 1
                    return
                }
                state.seen[slot] = 1
                state.tally.delivered += 1
                state.tally.lastArrival = now
                state.tally.latencies.add((now - marks.time) / 1_000)
            }
        }
        responder.respond(ok)
    }
}
