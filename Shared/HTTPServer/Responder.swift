internal import Synchronization

/// The way to answer one request, from any thread, now or later.
///
/// The first answer wins; a later one, and one for a client that has left, is dropped. An answer given inside
/// `RequestHandler.handle` costs neither a wake-up nor a suspended connection.
public final class Responder: Sendable {
    private enum Phase { case handling, held, answered, gone }

    private struct State {
        var phase = Phase.handling
        var early: Response?
        var onDisconnect: (@Sendable () -> Void)?
    }

    private let loop: EventLoop
    private let id: SlotID
    private let state = Mutex(State())

    init(loop: EventLoop, id: SlotID) {
        self.loop = loop
        self.id = id
    }

    /// Answers the request.
    public func respond(_ response: Response) {
        if accept(response) { loop.post(.respond(id, response)) }
    }

    /// Answers with what the error says, in the platform's form.
    public func respond(_ error: HTTPError) { respond(error.response()) }

    /// Answers many requests with one lock and one wake-up for each loop concerned.
    public static func respond(_ answers: [(Responder, Response)]) {
        var batch = CommandBatch(capacity: answers.count)
        for (responder, response) in answers where responder.accept(response) {
            batch.add(.respond(responder.id, response), for: responder.loop)
        }
        batch.post()
    }

    /// Watches for the client's hanging up while the request waits for its answer; the action runs on a loop thread,
    /// at most once, and must not block.
    ///
    /// For long waits only: a client that closes its sending side after the request looks the same as one that has
    /// left, and loses its answer here. Without a watch it still gets it.
    public func onDisconnect(_ action: @escaping @Sendable () -> Void) {
        let phase = state.withLock { state in
            if state.phase == .handling || state.phase == .held { state.onDisconnect = action }
            return state.phase
        }
        switch phase {
        case .handling, .answered: break
        case .held: loop.post(.watch(id))
        case .gone: action()
        }
    }

    /// Whether the loop has to be told; an answer given inside `handle` is left for the loop to find.
    private func accept(_ response: Response) -> Bool {
        let verdict: (post: Bool, drop: Bool) = state.withLock { state in
            switch state.phase {
            case .handling:
                state.phase = .answered
                state.early = response
                return (false, false)
            case .held:
                state.phase = .answered
                state.onDisconnect = nil
                return (true, false)
            case .answered, .gone: return (false, true)
            }
        }
        if verdict.drop { response.abandon() }
        return verdict.post
    }

    /// What the loop does after `handle` has returned.
    enum Outcome {
        case answered(Response)
        /// The answer comes later; `watch` when the handler wants to know of a hang-up.
        case held(watch: Bool)
    }

    /// Called by the loop once `handle` has returned.
    func handlerReturned() -> Outcome {
        state.withLock { state in
            if let early = state.early {
                state.early = nil
                state.onDisconnect = nil
                return .answered(early)
            }
            state.phase = .held
            return .held(watch: state.onDisconnect != nil)
        }
    }

    /// Called by the loop when the request has ended; without an answer the handler is told.
    func ended() {
        let action = state.withLock { state in
            let action = state.onDisconnect
            state.onDisconnect = nil
            if state.phase != .answered { state.phase = .gone }
            return action
        }
        action?()
    }
}

extension Response {
    /// An answer that nobody will read: its stream learns of it.
    func abandon() {
        if case .stream(let stream) = body { stream.abandoned() }
    }
}
