/// One record to be produced, where a batch's buffer is more than is needed.
public struct KafkaRecord: Sendable {
    /// How the partition is chosen.
    public enum Placement: Hashable, Sendable {
        case partition(Int32)
        /// By `KafkaPartitioner` from the key; the topic must have been prepared.
        case byKey
    }

    public var topic: String
    public var placement: Placement
    public var key: [UInt8]
    public var value: [UInt8]
    public var headers: [KafkaHeader]

    public init(
        topic: String, placement: Placement = .byKey, key: [UInt8] = [], value: [UInt8], headers: [KafkaHeader] = []
    ) {
        self.topic = topic
        self.placement = placement
        self.key = key
        self.value = value
        self.headers = headers
    }
}
