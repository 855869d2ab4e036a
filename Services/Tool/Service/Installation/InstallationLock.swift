internal import ServiceKit

/// Keeps two calls from starting and stopping the same things.
enum InstallationLock {
    /// How long a call that starts or stops things may keep others waiting.
    private static let patience = Duration.seconds(90)
    private static let interval = Duration.milliseconds(50)

    /// What the lock says while a foreground `up` looks after the services.
    static let supervising = "up"
    static let starting = "starting"
    static let stopping = "stopping"

    /// Takes the lock, waiting for a call that is at work; a foreground `up`, which does not end by itself, is left to
    /// `supervised`.
    static func take(
        _ folder: InstallationFolder, note: String, console: Console,
        supervised: (FileLock.Holder) async throws(ToolError) -> Void
    ) async throws(ToolError) -> FileLock {
        let deadline = ContinuousClock.now + patience
        var hasTold = false
        while true {
            let held: FileLock.HeldElsewhere
            switch try FileLock.take(folder.lock, note: note) {
            case .success(let lock): return lock
            case .failure(let other): held = other
            }
            if let holder = held.holder, holder.note == supervising { try await supervised(holder) }
            if !hasTold {
                hasTold = true
                console.progress(
                    "waiting for process \(held.holder.map { "\($0.pid)" } ?? "?"), which is at work in \(folder.path)")
            }
            guard ContinuousClock.now < deadline else {
                throw ToolError(
                    .environment, "\(folder.path) is still locked by process \(held.holder.map { "\($0.pid)" } ?? "?")")
            }
            do { try await Task.sleep(for: interval) } catch { throw ToolError(.interrupted, "interrupted") }
        }
    }
}
