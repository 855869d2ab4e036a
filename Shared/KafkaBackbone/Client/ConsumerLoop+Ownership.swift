internal import CRdKafka
internal import Observability

/// Claims on their way back to the group.
struct Leaving {
    let claims: [PartitionClaim]
    /// The drain ends here, whatever is left.
    let drainBy: ContinuousClock.Instant
    var waitingFor: Set<PartitionClaim>
    /// The last commit's number and the time until which its answer is waited for.
    var commit: (number: UInt, until: ContinuousClock.Instant)?

    /// How long the last commit of a revocation is waited for.
    static let commitLimit = Duration.seconds(1)

    var nextDeadline: ContinuousClock.Instant { commit?.until ?? drainBy }

    mutating func handBack(_ claims: [PartitionClaim]) { waitingFor.subtract(claims) }
}

extension ConsumerLoop {
    // MARK: Rebalances

    /// An assignment is acknowledged to the group at once and read from later, when the service says where: nobody else
    /// waits for a service that is still loading. A revocation is acknowledged when it is drained: that is what the
    /// others wait for.
    func rebalance(_ event: OpaquePointer) {
        metrics.rebalances.increment()
        let partitions = PartitionList.elements(of: rd_kafka_event_topic_partition_list(event))
        switch rd_kafka_event_error(event) {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            assign(partitions)
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            revoke(partitions, isLost: rd_kafka_assignment_lost(client) != 0)
        default:
            // librdkafka's own advice for a rebalance that failed: forget everything and let it join again.
            shared.events.log.error(
                "kafka rebalance failed", ["error": .string(name(of: rd_kafka_event_error(event)))])
            revoke(partitions, isLost: true)
        }
    }

    private func assign(_ partitions: [PartitionList.Element]) {
        report(
            PartitionList().withPointer { rd_kafka_incremental_assign(client, $0) }, "kafka assignment not acknowledged"
        )
        let generation = nextGeneration()
        let claims = partitions.flatMap { self.claims(following: $0, generation) }
        for claim in claims {
            table[claim.topic, claim.partition] = PartitionFlow(
                claim: claim, limit: companions[claim.topic]?.heldRecords,
                parks: companions[claim.topic]?.isPrivate ?? false)
        }
        shared.rebalances.put(.assigned(claims))
    }

    /// A partition's claim, and those of its companions.
    private func claims(following partition: PartitionList.Element, _ generation: UInt32) -> [PartitionClaim] {
        guard case .group(_, let topics, let companions) = settings.membership,
            let main = claim(of: partition.topic, partition.partition, generation)
        else { return [] }
        guard main.topic == 0 else { return [main] }
        return [main]
            + companions.indices.map {
                PartitionClaim(topic: topics.count + $0, partition: partition.partition, generation: generation)
            }
    }

    private func revoke(_ partitions: [PartitionList.Element], isLost: Bool) {
        let claims = partitions.flatMap { partition -> [PartitionClaim] in
            guard case .group(_, let topics, let companions) = settings.membership,
                let index = shared.topicNames.firstIndex(of: partition.topic)
            else { return [] }
            let followers = index == 0 ? companions.indices.map { topics.count + $0 } : []
            return ([index] + followers).compactMap { table[$0, partition.partition]?.claim }
        }
        unresolved.removeAll { claims.contains($0.0) }
        for claim in claims { table[claim]?.isLeaving = true }
        let gone = Set(claims)
        shared.ring.keep { !gone.contains($0.claim) }
        guard !isLost else {
            leaving = nil
            metrics.lost.increment()
            shared.lease.end()
            for commit in commits.removeAll() {
                answer(commit, .failure(KafkaError(.refused, "the partitions are lost")))
            }
            unassign(claims)
            return shared.rebalances.put(.lost(claims))
        }
        leaving = Leaving(claims: claims, drainBy: .now + settings.drainLimit, waitingFor: gone)
        if !claims.isEmpty { shared.rebalances.put(.revoked(claims)) }
    }

    /// Drains end here: a last commit, then the partitions go.
    func serveLeaving() {
        guard let leaving else { return }
        if let commit = leaving.commit {
            if commits.underWay[commit.number] != nil, ContinuousClock.now < commit.until { return }
        } else {
            guard leaving.waitingFor.isEmpty || ContinuousClock.now >= leaving.drainBy else { return }
            if let number = commit(unsaved(of: leaving.claims)) {
                self.leaving?.commit = (number, .now + Leaving.commitLimit)
                return
            }
        }
        self.leaving = nil
        unassign(leaving.claims)
    }

    private func unassign(_ claims: [PartitionClaim]) {
        let list = PartitionList(capacity: claims.count)
        for claim in claims where table[claim]?.isStarted == true {
            list.append(shared.topicNames[claim.topic], claim.partition)
        }
        report(list.withPointer { rd_kafka_incremental_unassign(client, $0) }, "kafka partitions not given back")
        for claim in claims { table[claim] = nil }
    }

    // MARK: Starts

    /// How long committed offsets are asked for at a time, and how long until the next try. The thread waits for the
    /// answer, which is why it is short.
    private static let committedLimit: Int32 = 2000
    private static let startRetry = Duration.milliseconds(200)

    func serveStarts() {
        guard let at = retryStartsAt, ContinuousClock.now >= at else { return }
        retryStartsAt = nil
        let starts = unresolved.filter { claim, _ in table[claim].map { !$0.isStarted && !$0.isLeaving } ?? false }
        unresolved = []
        guard !starts.isEmpty else { return }
        guard let offsets = committedOffsets(for: starts.filter { $0.1 == .committed }.map(\.0)) else {
            unresolved = starts
            retryStartsAt = .now + Self.startRetry
            return
        }
        let list = PartitionList(capacity: starts.count)
        for (claim, start) in starts {
            let known: Int64? =
                switch start {
                case .offset(let offset): offset
                case .committed: offsets[claim]
                case .earliest, .latest: nil
                }
            list.append(
                shared.topicNames[claim.topic], claim.partition,
                offset: known ?? Int64(start == .latest ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING))
            table[claim]?.start(at: known)
            table[claim]?.committed = start == .committed ? known : nil
            // The first of these commits is the lease, so there has to be something to say.
            table[claim]?.standsAtBeginning = known == nil && start != .latest
        }
        if report(list.withPointer { rd_kafka_incremental_assign(client, $0) }, "kafka partitions not started") {
            nextCommit = .now
            needsReconciling = true
        }
    }

    func startFixed(_ starts: [(PartitionClaim, KafkaStart)]) {
        let list = PartitionList(capacity: starts.count)
        for (claim, start) in starts {
            let known: Int64? = if case .offset(let offset) = start { offset } else { nil }
            list.append(
                shared.topicNames[claim.topic], claim.partition,
                offset: known ?? Int64(start == .latest ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING))
            table[claim]?.start(at: known)
        }
        let error = list.withPointer { rd_kafka_assign(client, $0) }
        if error != RD_KAFKA_RESP_ERR_NO_ERROR {
            shared.events.log.error("kafka partitions not started", ["error": .string(name(of: error))])
        }
    }

    /// What the group committed, without those that have nothing; nil when the coordinator does not say.
    private func committedOffsets(for claims: [PartitionClaim]) -> [PartitionClaim: Int64]? {
        if claims.isEmpty { return [:] }
        let list = PartitionList(capacity: claims.count)
        for claim in claims { list.append(shared.topicNames[claim.topic], claim.partition) }
        let error = list.withPointer { rd_kafka_committed(client, $0, Self.committedLimit) }
        let elements = list.elements
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR, elements.allSatisfy({ $0.error == RD_KAFKA_RESP_ERR_NO_ERROR })
        else {
            shared.events.log.warning("kafka committed offsets not known yet", ["error": .string(name(of: error))])
            return nil
        }
        // The list may have been put in another order.
        let byName = Dictionary(
            elements.map { (TopicPartition($0.topic, $0.partition), $0.offset) },
            uniquingKeysWith: { first, _ in first })
        return Dictionary(
            claims.compactMap { claim in
                byName[TopicPartition(shared.topicNames[claim.topic], claim.partition)].map { (claim, $0) }
            }.filter { $0.1 >= 0 }, uniquingKeysWith: { first, _ in first })
    }
}
