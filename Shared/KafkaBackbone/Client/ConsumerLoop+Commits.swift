internal import CRdKafka
internal import Observability

extension ConsumerLoop {
    typealias Position = (claim: PartitionClaim, offset: Int64)

    /// How soon a commit that might fall into a join is tried again.
    private static let calmLook = Duration.milliseconds(20)

    /// Commits what moved; when nothing did, one position all the same: the answer is the lease.
    func serveCommits() {
        guard case .group = settings.membership, ContinuousClock.now >= nextCommit else { return }
        guard shared.watch.isCalm else { return nextCommit = .now + Self.calmLook }
        nextCommit = .now + settings.commitInterval
        guard !commits.isCrowded else { return }
        var positions = unsaved(of: table.claims)
        if ContinuousClock.now >= nextRecommit {
            nextRecommit = .now + settings.recommitInterval
            positions = table.all.compactMap { flow in flow.mark.map { (flow.claim, $0) } }
        }
        if positions.isEmpty, let anchor { positions = [anchor] }
        commit(positions, answering: waitingForCommit)
        waitingForCommit = []
    }

    /// One position that is true whatever happens: a mark, or the beginning of a partition that has none.
    private var anchor: Position? {
        let flows = table.all.filter { $0.isStarted && !$0.isLeaving }
        if let flow = flows.first(where: { $0.mark != nil }), let mark = flow.mark { return (flow.claim, mark) }
        // Offset 0 of a partition without a commit says the same as none: when it is out of range, reading starts at
        // the oldest record.
        return flows.first { $0.standsAtBeginning }.map { ($0.claim, 0) }
    }

    /// Marks that the coordinator is not known to have.
    func unsaved(of claims: [PartitionClaim]) -> [Position] {
        claims.compactMap { claim in
            guard let flow = table[claim], flow.isStarted, let mark = flow.mark, flow.committed != mark else {
                return nil
            }
            return (claim, mark)
        }
    }

    /// Sends a commit; nil when there was nothing to send.
    @discardableResult
    func commit(
        _ positions: [Position], answering waiting: [CheckedContinuation<Result<Void, KafkaError>, Never>] = []
    ) -> UInt? {
        guard !positions.isEmpty else {
            for continuation in waiting { continuation.resume(returning: .success(())) }
            return nil
        }
        let list = PartitionList(capacity: positions.count)
        for (claim, offset) in positions {
            list.append(shared.topicNames[claim.topic], claim.partition, offset: offset)
        }
        // The time before sending: librdkafka may hold the request back while the coordinator is away.
        let number = commits.add(
            CommitBook.Commit(sent: shared.lease.now(), positions: positions, waiting: waiting))
        let error = list.withPointer {
            rd_kafka_commit_queue(client, $0, shared.handle.queue, nil, UnsafeMutableRawPointer(bitPattern: number))
        }
        if error != RD_KAFKA_RESP_ERR_NO_ERROR { finish(number, error: error) }
        return number
    }

    func finishCommit(_ event: OpaquePointer) {
        guard let number = rd_kafka_event_opaque(event).map({ UInt(bitPattern: $0) }) else { return }
        let partitions = PartitionList.elements(of: rd_kafka_event_topic_partition_list(event))
        let failed = partitions.first { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }?.error
        let error = rd_kafka_event_error(event)
        finish(number, error: error != RD_KAFKA_RESP_ERR_NO_ERROR ? error : failed ?? error)
    }

    private func finish(_ number: UInt, error: rd_kafka_resp_err_t) {
        guard let commit = commits.finish(number) else { return }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
            metrics.failedCommits.increment()
            shared.events.log.info("kafka commit failed", ["error": .string(name(of: error))])
            return answer(commit, .failure(ClusterMetadata.failure(error, "a commit")))
        }
        metrics.commits.increment()
        shared.lease.renew(sent: commit.sent)
        for (claim, offset) in commit.positions { table[claim]?.committed = offset }
        answer(commit, .success(()))
    }

    func answer(_ commit: CommitBook.Commit, _ result: Result<Void, KafkaError>) {
        for continuation in commit.waiting { continuation.resume(returning: result) }
    }
}
