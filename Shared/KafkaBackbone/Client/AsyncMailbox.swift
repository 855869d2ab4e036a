internal import Synchronization

/// A queue of a few things from a thread of ours to one task. Unbounded: for what a protocol bounds already.
final class AsyncMailbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var hasEnded = false
        var waiting: CheckedContinuation<Element?, Never>?
    }

    private let state = Mutex(State())

    func put(_ element: Element) {
        state.withLock { state in
            let waiting = state.waiting.take()
            if waiting == nil { state.elements.append(element) }
            return waiting
        }?.resume(returning: element)
    }

    /// The next element; nil once it has ended and is empty, or the task is cancelled.
    func next() async -> Element? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Element?? = state.withLock { state in
                    if !state.elements.isEmpty { return .some(state.elements.removeFirst()) }
                    if state.hasEnded || Task.isCancelled { return .some(nil) }
                    precondition(state.waiting == nil, "a mailbox is emptied by one task")
                    state.waiting = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiting.take() }?.resume(returning: nil)
        }
    }

    func end() {
        state.withLock { state in
            state.hasEnded = true
            return state.waiting.take()
        }?.resume(returning: nil)
    }
}
