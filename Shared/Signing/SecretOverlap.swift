public import EventModel

/// Which of an endpoint's secrets sign what, and when (design §8). The newest is at place 0.
///
/// During an overlap `webhook-signature` carries the signatures of all that are in force. Our own header has room for one: that of
/// the oldest in force, so that nobody notices a rotation before he wants to, until a newer one is promoted.
public struct SecretOverlap: Sendable, Hashable {
    /// When the secrets behind the newest end, in their order.
    public var ends: [Timestamp]
    /// Those behind this place do not key our own header any more.
    public var promoted: Int?

    public init(ends: [Timestamp] = [], promoted: Int? = nil) {
        self.ends = ends
        self.promoted = promoted
    }

    /// The places of the secrets that sign at `now`, newest first; never empty.
    public func inForce(at now: Timestamp) -> [Int] {
        [0] + ends.indices.filter { now < ends[$0] }.map { $0 + 1 }
    }

    /// The place of the secret that keys our own header at `now`.
    public func headerPlace(at now: Timestamp) -> Int {
        inForce(at: now).last { $0 <= promoted ?? .max } ?? 0
    }

    /// When the next of them ends; nil when the newest is alone.
    public func nextEnd(after now: Timestamp) -> Timestamp? {
        ends.filter { now < $0 }.min()
    }
}
