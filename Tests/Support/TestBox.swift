internal import Synchronization

/// One value that one caller at a time uses, whatever the value is: for blocking connections that a test hands between
/// threads.
///
/// `@unchecked`: the value is only ever touched under the lock.
public final class TestBox<Value>: @unchecked Sendable {
    private let lock = Mutex(())
    private let value: Value

    public init(_ value: sending Value) {
        self.value = value
    }

    public func use<Result>(_ body: (Value) throws -> sending Result) rethrows -> Result {
        try lock.withLock { _ in try body(value) }
    }
}
