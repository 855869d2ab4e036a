internal import Observability

extension Logger {
    /// A change of what this process owns: rare, and the first thing to look for afterwards.
    func rebalanced(_ group: StaticString, _ change: KafkaRebalance) {
        let (what, claims): (StaticString, [PartitionClaim]) =
            switch change {
            case .assigned(let claims): ("partitions assigned", claims)
            case .revoked(let claims): ("partitions to be given back", claims)
            case .lost(let claims): ("partitions lost", claims)
            }
        let parts = claims.filter { $0.topic == 0 }.map { "\($0.partition)" }.joined(separator: " ")
        info(what, ["group": .string("\(group)"), "partitions": .string(parts)])
    }
}
