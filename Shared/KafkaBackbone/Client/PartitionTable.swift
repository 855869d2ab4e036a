/// The flows of all claimed partitions, found by topic and number without hashing: the polling thread asks once a record.
struct PartitionTable {
    private var flows: [[PartitionFlow?]]

    init(topics: Int) { flows = Array(repeating: [], count: topics) }

    subscript(topic: Int, partition: Int32) -> PartitionFlow? {
        get {
            guard partition >= 0, Int(partition) < flows[topic].count else { return nil }
            return flows[topic][Int(partition)]
        }
        set {
            while flows[topic].count <= Int(partition) { flows[topic].append(nil) }
            flows[topic][Int(partition)] = newValue
        }
    }

    /// The flow of a claim, nil when the claim is not the current one of its partition.
    subscript(claim: PartitionClaim) -> PartitionFlow? {
        get {
            guard flows.indices.contains(claim.topic) else { return nil }
            let flow = self[claim.topic, claim.partition]
            return flow?.claim == claim ? flow : nil
        }
        set {
            guard self[claim] != nil else { return }
            self[claim.topic, claim.partition] = newValue
        }
    }

    /// Changes one record's flow in place.
    mutating func offer(_ offset: Int64, topic: Int, partition: Int32) -> (PartitionClaim, PartitionFlow.Verdict)? {
        guard Int(partition) < flows[topic].count, let claim = flows[topic][Int(partition)]?.claim,
            let verdict = flows[topic][Int(partition)]?.offer(offset)
        else { return nil }
        return (claim, verdict)
    }

    var claims: [PartitionClaim] { flows.joined().compactMap { $0?.claim } }
    var all: [PartitionFlow] { flows.joined().compactMap(\.self) }

    mutating func removeAll() { for topic in flows.indices { flows[topic] = [] } }
}
