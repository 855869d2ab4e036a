/// A condition that did not come true in time.
public struct NeverTrue: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until `condition` holds, and throws `NeverTrue` when it does not within `limit`.
///
/// For what another process does, where nothing can tell us: it looks again after 1 ms, then at growing intervals up to
/// 50 ms. Inside a process, wait for the event itself.
public func eventually(
    _ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool
) async throws {
    _ = try await eventually(what, within: limit, value: { try await condition() ? true : nil })
}

/// Waits until `value` is not nil and returns it; see the other `eventually`.
public func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(20), value: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    var interval = Duration.milliseconds(1)
    while true {
        if let value = try await value() { return value }
        guard clock.now < deadline else { throw NeverTrue(description: "not within \(limit): \(what)") }
        try await clock.sleep(for: interval)
        interval = min(interval * 2, .milliseconds(50))
    }
}
