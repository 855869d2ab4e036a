public import EventCodec
public import EventModel
public import JSONPath

/// Why an event goes to an endpoint, or why it does not.
public enum MatchReason: String, Hashable, Sendable, CaseIterable {
    case matched
    /// The event is addressed to another endpoint alone.
    case addressedElsewhere = "addressed_elsewhere"
    /// The event speaks of this endpoint, and such ones never go to it.
    case excluded
    case createdLater = "created_later"
    case deleted
    /// None of the patterns matches the type.
    case type
    /// The condition does not hold for the envelope.
    case filter
    /// All the rest matches, and the endpoint was paused, pending or disabled.
    case inactive
}

/// What of an event matters to matching.
public struct MatchSubject: Sendable {
    public var type: EventType
    /// The event goes to this endpoint alone.
    public var only: EndpointID?
    /// The event never goes to this endpoint.
    public var except: EndpointID?

    public init(type: EventType, only: EndpointID? = nil, except: EndpointID? = nil) {
        self.type = type
        self.only = only
        self.except = except
    }
}

extension SubscriptionRevision {
    /// What judging one envelope may cost: some milliseconds at most. Who exceeds it gets the event.
    public static let filterLimits = JSONPathLimits(steps: 50_000)

    /// What `MatchIndex.match` and the conditions decide for one endpoint, as a reason.
    /// - Parameters:
    ///   - revision: The one in force at the event's position; nil before the endpoint's first.
    ///   - outline: The envelope, asked for only where a condition must be judged; nil when it cannot be read, which counts
    ///     as a condition that holds.
    public static func reason(
        _ revision: SubscriptionRevision?, of endpoint: EndpointID, for event: MatchSubject,
        outline: () -> JSONOutline?
    ) -> MatchReason {
        if let only = event.only, only != endpoint { return .addressedElsewhere }
        guard let revision else { return .createdLater }
        if revision.state == .deleted { return .deleted }
        if event.except == endpoint { return .excluded }
        if event.only == endpoint { return .matched }
        guard revision.filter.matches(event.type) else { return .type }
        if let condition = revision.condition, let outline = outline(),
            let holds = try? condition.matches(outline), !holds
        {
            return .filter
        }
        return revision.state == .active ? .matched : .inactive
    }
}
