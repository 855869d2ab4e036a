/// What became of one record.
public enum ProduceOutcome: Hashable, Sendable {
    /// All in-sync replicas have it.
    case acknowledged(partition: Int32, offset: Int64)
    /// It is not in the log and never will be.
    case notPersisted
    /// It may be in the log: producing it again may write it twice.
    case possiblyPersisted
}

/// The outcomes of a batch, in the batch's order.
public struct ProduceReceipts: RandomAccessCollection, Sendable {
    public let outcomes: [ProduceOutcome]
    /// Records that all in-sync replicas have.
    public let acknowledged: Int
    /// librdkafka's name for the first failure, empty when there is none.
    public let firstFailure: String

    public var startIndex: Int { 0 }
    public var endIndex: Int { outcomes.count }
    public subscript(index: Int) -> ProduceOutcome { outcomes[index] }
    /// True when every record is durable.
    public var allAcknowledged: Bool { acknowledged == outcomes.count }
}
