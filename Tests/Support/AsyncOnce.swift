internal import Synchronization

/// A value that is made once a process, by whoever asks first; the others wait for it. A failure is kept as well.
public final class AsyncOnce<Value: Sendable>: Sendable {
    private enum State {
        case unasked
        case making([CheckedContinuation<Value, any Error>])
        case made(Result<Value, any Error>)
    }

    private let state = Mutex(State.unasked)
    private let make: @Sendable () async throws -> Value

    public init(_ make: @escaping @Sendable () async throws -> Value) {
        self.make = make
    }

    public func value() async throws -> Value {
        let isFirst = state.withLock { state in
            guard case .unasked = state else { return false }
            state = .making([])
            return true
        }
        guard isFirst else { return try await wait() }
        let result: Result<Value, any Error>
        do { result = .success(try await make()) } catch { result = .failure(error) }
        let waiting = state.withLock { state in
            defer { state = .made(result) }
            guard case .making(let waiting) = state else { return [CheckedContinuation<Value, any Error>]() }
            return waiting
        }
        for continuation in waiting { continuation.resume(with: result) }
        return try result.get()
    }

    private func wait() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let result: Result<Value, any Error>? = state.withLock { state in
                switch state {
                case .made(let result): return result
                case .making(let waiting):
                    state = .making(waiting + [continuation])
                    return nil
                case .unasked: preconditionFailure("somebody asks first before somebody waits")
                }
            }
            if let result { continuation.resume(with: result) }
        }
    }
}
