/// The audit of the request that brought an event, on its way with it: the store writes the row in the transaction that
/// stores the event, so that there is one for each that was accepted. A reference: most events have none, and none shall grow
/// by its size.
public final class EventAudit: Sendable {
    /// Verdict `accepted`: the store finds out whether it was a duplicate. Verdict `duplicate`: the log knew that already,
    /// and `event` is the one that was kept; then nothing is stored but the row.
    public let record: InboundRecord

    public init(_ record: InboundRecord) {
        self.record = record
    }

    /// The audit for an event that is known to be another one's twin.
    public func duplicate(of winner: EventID) -> EventAudit {
        var record = record
        record.verdict = .duplicate
        record.event = winner
        return EventAudit(record)
    }
}
