/// One entry of a subscription: everything, or an event type with all of its family (design §8: `slack` matches `slack` and
/// `slack.install`, not `slackbot`). A trailing `.*` says the same and is dropped; a lone `*` is everything.
public struct SubscriptionPattern: Hashable, Sendable, CustomStringConvertible {
    /// The type and family that match; nil for everything.
    public let family: EventType?

    public static let everything = SubscriptionPattern(family: nil)

    public init(family: EventType?) {
        self.family = family
    }

    /// Nil unless the text is `*`, an event type, or an event type followed by `.*`.
    public init?(_ text: String) {
        if text == "*" {
            self.family = nil
            return
        }
        let name = text.hasSuffix(".*") ? String(text.dropLast(2)) : text
        guard let family = EventType(name) else { return nil }
        self.family = family
    }

    public func matches(_ type: EventType) -> Bool {
        guard let family else { return true }
        return type.belongs(to: family)
    }

    /// Whether this matches whatever `other` matches.
    public func covers(_ other: SubscriptionPattern) -> Bool {
        guard let family else { return true }
        return other.family?.belongs(to: family) ?? false
    }

    /// `*` or the family: what `init` reads back as the same pattern.
    public var description: String { family?.text ?? "*" }
}

/// The patterns of one subscription, reduced: none of them covers another one, so a type matches at most one of them.
/// No pattern at all means everything, as seed 0 has it.
public struct SubscriptionFilter: Hashable, Sendable {
    /// In text order; exactly `[.everything]` where everything matches.
    public let patterns: [SubscriptionPattern]

    public init(_ patterns: [SubscriptionPattern] = []) {
        // In text order a family comes before its members, but not always next to them (`a`, `a-b`, `a.b`), so each is
        // compared with all that were kept.
        var kept: [SubscriptionPattern] = []
        for pattern in patterns.sorted(by: { $0.description < $1.description }) {
            if !kept.contains(where: { $0.covers(pattern) }) { kept.append(pattern) }
        }
        let isEverything = patterns.isEmpty || kept.contains(.everything)
        self.patterns = isEverything ? [.everything] : kept
    }

    public var isEverything: Bool { patterns == [.everything] }

    public func matches(_ type: EventType) -> Bool { patterns.contains { $0.matches(type) } }
}
