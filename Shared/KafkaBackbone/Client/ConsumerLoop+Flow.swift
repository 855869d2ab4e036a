internal import CRdKafka
internal import Observability

extension ConsumerLoop {
    /// Makes librdkafka pause and go on as the flows and the ring want it.
    func reconcile() {
        if isRingFull, !shared.ring.isFull {
            isRingFull = false
            needsReconciling = true
        }
        guard needsReconciling else { return }
        needsReconciling = false
        metrics.ringBytes.set(Double(shared.ring.bytes))
        let (pause, resume, seek) = (PartitionList(), PartitionList(), PartitionList())
        for var flow in table.all where flow.isStarted && !flow.isLeaving {
            let topic = shared.topicNames[flow.claim.topic]
            let stops = flow.isStopped || isRingFull
            if stops, !flow.isPaused {
                flow.isPaused = true
                pause.append(topic, flow.claim.partition)
            } else if !stops, flow.isPaused || flow.needsSeek {
                if flow.needsSeek, let next = flow.next {
                    seek.append(topic, flow.claim.partition, offset: next)
                    flow.sought()
                }
                if flow.isPaused { resume.append(topic, flow.claim.partition) }
                flow.isPaused = false
            } else {
                continue
            }
            table[flow.claim] = flow
        }
        if !pause.isEmpty {
            metrics.pauses.increment(by: pause.count)
            pause.withPointer { rd_kafka_pause_partitions(client, $0) }
        }
        if !seek.isEmpty { self.seek(seek) }
        if !resume.isEmpty { resume.withPointer { rd_kafka_resume_partitions(client, $0) } }
    }

    // MARK: Parking

    func reachEnd(_ event: OpaquePointer) {
        guard let partition = rd_kafka_event_topic_partition(event) else { return }
        defer { rd_kafka_topic_partition_destroy(partition) }
        guard let name = partition.pointee.topic.map({ String(cString: $0) }),
            let topic = shared.topicNames.firstIndex(of: name),
            var flow = table[topic, partition.pointee.partition]
        else { return }
        let lookAgain = ContinuousClock.now + settings.parkedLook
        if flow.reachedEnd(at: partition.pointee.offset, lookAgain: lookAgain) { needsReconciling = true }
        table[flow.claim] = flow
    }

    /// How often parked partitions are gone through; they are looked at in one fetch, so being exact would gain nothing.
    private static let parkedTurn = Duration.milliseconds(500)

    func unparkDue() {
        let now = ContinuousClock.now
        guard now >= nextUnpark else { return }
        nextUnpark = now + Self.parkedTurn
        for var flow in table.all {
            guard let until = flow.parkedUntil, until <= now else { continue }
            flow.unpark()
            table[flow.claim] = flow
            needsReconciling = true
        }
    }

    // MARK: Turning

    /// How long librdkafka's own thread may take to turn partitions; it is a matter of microseconds.
    private static let seekLimit: Int32 = 1000

    private func seek(_ list: PartitionList) {
        let error = list.withPointer { rd_kafka_seek_partitions(client, $0, Self.seekLimit) }
        if let error { rd_kafka_error_destroy(error) }
        for element in list.elements where element.error != RD_KAFKA_RESP_ERR_NO_ERROR {
            // Not started yet, or stopping: as if it were assigned anew.
            restart(element.topic, element.partition, at: element.offset)
        }
    }

    private func restart(_ topic: String, _ partition: Int32, at offset: Int64) {
        // While a revocation is open, an unassignment would be taken as the answer to it.
        guard leaving == nil, closeBy == nil else { return }
        let list = PartitionList()
        list.append(topic, partition, offset: offset)
        report(list.withPointer { rd_kafka_incremental_unassign(client, $0) }, "kafka partition not restarted")
        report(list.withPointer { rd_kafka_incremental_assign(client, $0) }, "kafka partition not restarted")
    }
}
