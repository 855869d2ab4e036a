public import EventModel
internal import Synchronization

/// Time that stands still until a test moves it: a wall clock and a monotonic one that move together.
///
/// ```swift
/// let clock = ManualClock()
/// let breaker = Breaker(now: clock.instant)
/// clock.advance(by: .seconds(30))
/// ```
public final class ManualClock: WallClock {
    private struct State {
        var wall: Timestamp
        var instant = ContinuousClock.now
    }

    private let state: Mutex<State>

    /// Starts at `start`: by default 2026-05-28T20:26:40Z, far from any border of an hour or a day.
    public init(start: Timestamp = Timestamp(seconds: 1_780_000_000)) {
        state = Mutex(State(wall: start))
    }

    public func now() -> Timestamp { state.withLock(\.wall) }

    /// The monotonic clock; its zero means nothing.
    public func instant() -> ContinuousClock.Instant { state.withLock(\.instant) }

    /// Time passes.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "time does not run backwards; step the wall clock instead")
        state.withLock {
            $0.instant += duration
            $0.wall = $0.wall.adding(microseconds: ManualClock.microseconds(duration))
        }
    }

    /// Somebody sets the wall clock, forwards or backwards; the monotonic clock does not notice.
    public func stepWallClock(by duration: Duration) {
        state.withLock { $0.wall = $0.wall.adding(microseconds: ManualClock.microseconds(duration)) }
    }

    private static func microseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
