/// Runs code that blocks on a thread of its own and waits for it without blocking the cooperative pool.
public func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        TestThread { continuation.resume(with: Result(catching: body)) }.detach()
    }
}
