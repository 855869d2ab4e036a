internal import CRdKafka
internal import Glibc

/// The administrative requests, each blocking until its answer; for threads of their own.
enum AdminCall {
    // MARK: Topics

    static func create(
        _ topics: [TopicSpecification], _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<Void, KafkaError> {
        var reason = [CChar](repeating: 0, count: 512)
        var made: [OpaquePointer?] = []
        defer { rd_kafka_NewTopic_destroy_array(&made, made.count) }
        for topic in topics {
            let new = rd_kafka_NewTopic_new(
                topic.name, Int32(topic.partitions), Int32(topic.replicas), &reason, reason.count)
            guard let new else { return .failure(KafkaError(.configuration, "\(topic.name): \(text(of: reason))")) }
            made.append(new)
            for (key, value) in topic.settings { rd_kafka_NewTopic_set_config(new, key, value) }
        }
        if made.isEmpty { return .success(()) }
        return ask(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, by: deadline, "making topics") { options, queue in
            rd_kafka_CreateTopics(client, &made, made.count, options, queue)
        } reading: { event in
            var count = 0
            let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
            return check(results, count, accepting: RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        }
    }

    static func delete(
        _ topics: [String], _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<Void, KafkaError> {
        var gone: [OpaquePointer?] = topics.map { rd_kafka_DeleteTopic_new($0) }
        defer { rd_kafka_DeleteTopic_destroy_array(&gone, gone.count) }
        if gone.isEmpty { return .success(()) }
        return ask(client, RD_KAFKA_ADMIN_OP_DELETETOPICS, by: deadline, "deleting topics") { options, queue in
            rd_kafka_DeleteTopics(client, &gone, gone.count, options, queue)
        } reading: { event in
            var count = 0
            let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
            return check(results, count, accepting: RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        }
    }

    /// Gives topics more partitions, in all as many as is said.
    static func grow(
        _ topics: [(name: String, partitions: Int)], _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<Void, KafkaError> {
        var reason = [CChar](repeating: 0, count: 512)
        var wanted: [OpaquePointer?] = []
        defer { rd_kafka_NewPartitions_destroy_array(&wanted, wanted.count) }
        for topic in topics {
            guard let new = rd_kafka_NewPartitions_new(topic.name, topic.partitions, &reason, reason.count) else {
                return .failure(KafkaError(.configuration, "\(topic.name): \(text(of: reason))"))
            }
            wanted.append(new)
        }
        if wanted.isEmpty { return .success(()) }
        return ask(client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, by: deadline, "more partitions") { options, queue in
            rd_kafka_CreatePartitions(client, &wanted, wanted.count, options, queue)
        } reading: { event in
            var count = 0
            let results = rd_kafka_CreatePartitions_result_topics(
                rd_kafka_event_CreatePartitions_result(event), &count)
            return check(results, count, accepting: RD_KAFKA_RESP_ERR_NO_ERROR)
        }
    }

    private static func check(
        _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, accepting accepted: rd_kafka_resp_err_t
    ) -> Result<Void, KafkaError> {
        for index in 0..<count {
            let result = results?[index]
            let error = rd_kafka_topic_result_error(result)
            if error == RD_KAFKA_RESP_ERR_NO_ERROR || error == accepted { continue }
            let name = rd_kafka_topic_result_name(result).map { String(cString: $0) } ?? ""
            return .failure(ClusterMetadata.failure(error, "the topic \(name)"))
        }
        return .success(())
    }

    static func settings(
        of topic: String, _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<[String: String], KafkaError> {
        var resources = [rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)]
        defer { rd_kafka_ConfigResource_destroy_array(&resources, resources.count) }
        return ask(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, by: deadline, "the settings of \(topic)") {
            rd_kafka_DescribeConfigs(client, &resources, resources.count, $0, $1)
        } reading: { event in
            var count = 0
            let answer = rd_kafka_event_DescribeConfigs_result(event)
            guard let found = rd_kafka_DescribeConfigs_result_resources(answer, &count), count == 1 else {
                return .failure(KafkaError(.refused, "no settings of \(topic)"))
            }
            let error = rd_kafka_ConfigResource_error(found[0])
            guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
                return .failure(ClusterMetadata.failure(error, "the settings of \(topic)"))
            }
            var entries = 0
            let list = rd_kafka_ConfigResource_configs(found[0], &entries)
            var settings: [String: String] = [:]
            for index in 0..<entries {
                guard let key = rd_kafka_ConfigEntry_name(list?[index]),
                    let value = rd_kafka_ConfigEntry_value(list?[index])
                else { continue }
                settings[String(cString: key)] = String(cString: value)
            }
            return .success(settings)
        }
    }

    /// Waits until a topic is known, with as many partitions at least, and all of them have a leader that knows.
    static func waitForTopic(
        _ topic: String, partitions: Int = 1, _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<TopicDescription, KafkaError> {
        while true {
            switch ClusterMetadata.describe(topic, client, by: deadline) {
            case .success(let found?) where found.partitions >= partitions:
                let all = (0..<found.partitions).map { TopicPartition(topic, Int32($0)) }
                return ClusterMetadata.offsets(of: all, at: .newest, client, by: deadline).map { _ in found }
            case .failure(let error) where ContinuousClock.now >= deadline: return .failure(error)
            case .success, .failure: break
            }
            guard ContinuousClock.now < deadline else {
                return .failure(KafkaError(.timedOut, "the topic \(topic) does not appear"))
            }
            usleep(ClusterMetadata.pause)
        }
    }

    // MARK: Positions

    static func offsets(
        of partitions: [TopicPartition], _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<[TopicPartition: Range<Int64>], KafkaError> {
        ClusterMetadata.offsets(of: partitions, at: .oldest, client, by: deadline).flatMap { oldest in
            ClusterMetadata.offsets(of: partitions, at: .newest, client, by: deadline).map { newest in
                newest.reduce(into: [:]) { ranges, end in
                    let low = oldest[end.key] ?? end.value
                    ranges[end.key] = min(low, end.value)..<end.value
                }
            }
        }
    }

    /// Asked as a member of the group would, on a consumer that joins nothing: 2.0.2's own request for another group's
    /// offsets (`ListConsumerGroupOffsets`) crashes when the coordinator answers that it is still loading.
    static func committed(
        by group: String, of partitions: [TopicPartition], _ connection: KafkaConnection,
        by deadline: ContinuousClock.Instant
    ) -> Result<[TopicPartition: Int64], KafkaError> {
        let list = PartitionList(capacity: partitions.count)
        for partition in partitions { list.append(partition.topic, partition.partition) }
        return askAsMember(of: group, connection, by: deadline) { client in
            list.withPointer { rd_kafka_committed(client, $0, ClusterMetadata.milliseconds(until: deadline)) }
        }.map {
            let found = list.elements.filter { $0.offset >= 0 }
            return Dictionary(
                found.map { (TopicPartition($0.topic, $0.partition), $0.offset) },
                uniquingKeysWith: { first, _ in first })
        }
    }

    /// Commits for a group that has no members: the coordinator refuses it while there are any.
    static func commit(
        _ offsets: [TopicPartition: Int64], for group: String, _ connection: KafkaConnection,
        by deadline: ContinuousClock.Instant
    ) -> Result<Void, KafkaError> {
        if offsets.isEmpty { return .success(()) }
        let list = PartitionList(capacity: offsets.count)
        for (partition, offset) in offsets { list.append(partition.topic, partition.partition, offset: offset) }
        return askAsMember(of: group, connection, by: deadline) { client in
            list.withPointer { rd_kafka_commit(client, $0, 0) }
        }.flatMap {
            guard let failed = list.elements.first(where: { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR }) else {
                return .success(())
            }
            return .failure(ClusterMetadata.failure(failed.error, "an offset of \(group)"))
        }
    }

    /// Asks again while the coordinator is not there.
    private static func askAsMember(
        of group: String, _ connection: KafkaConnection, by deadline: ContinuousClock.Instant,
        _ call: (OpaquePointer) -> rd_kafka_resp_err_t
    ) -> Result<Void, KafkaError> {
        let handle: ClientHandle
        do throws(KafkaError) {
            handle = try ClientHandle(
                RD_KAFKA_CONSUMER,
                settings: ClientProperties.common(connection, statistics: .zero) + [("group.id", group)],
                transport: connection.transport, events: 0)
        } catch {
            return .failure(error)
        }
        defer { handle.destroy(flags: Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)) }
        while true {
            let error = call(handle.client)
            if error == RD_KAFKA_RESP_ERR_NO_ERROR { return .success(()) }
            let failure = ClusterMetadata.failure(error, "the offsets of \(group)")
            guard failure.code == .timedOut, ContinuousClock.now < deadline else { return .failure(failure) }
            usleep(ClusterMetadata.pause)
        }
    }

    /// Who is in a group: client and host of each member; nobody where there is no such group.
    static func members(
        of group: String, _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<[String], KafkaError> {
        var answer: UnsafePointer<rd_kafka_group_list>?
        let error = rd_kafka_list_groups(client, group, &answer, ClusterMetadata.milliseconds(until: deadline))
        defer { if let answer { rd_kafka_group_list_destroy(answer) } }
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else {
            return .failure(ClusterMetadata.failure(error, "the members of \(group)"))
        }
        var members: [String] = []
        for index in 0..<Int(answer.pointee.group_cnt) {
            guard let found = answer.pointee.groups?[index] else { continue }
            guard found.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                return .failure(ClusterMetadata.failure(found.err, "the members of \(group)"))
            }
            for number in 0..<Int(found.member_cnt) {
                guard let member = found.members?[number] else { continue }
                let client = member.client_id.map { String(cString: $0) } ?? "?"
                members.append("\(client) of \(member.client_host.map { String(cString: $0) } ?? "?")")
            }
        }
        return .success(members)
    }

    // MARK: One request

    private static func ask<Value>(
        _ client: OpaquePointer, _ operation: rd_kafka_admin_op_t, by deadline: ContinuousClock.Instant, _ what: String,
        _ send: (OpaquePointer?, OpaquePointer?) -> Void,
        reading read: (OpaquePointer?) -> Result<Value, KafkaError>
    ) -> Result<Value, KafkaError> {
        let queue = rd_kafka_queue_new(client)
        defer { rd_kafka_queue_destroy(queue) }
        let options = rd_kafka_AdminOptions_new(client, operation)
        defer { rd_kafka_AdminOptions_destroy(options) }
        let limit = ClusterMetadata.milliseconds(until: deadline)
        var reason = [CChar](repeating: 0, count: 512)
        rd_kafka_AdminOptions_set_request_timeout(options, limit, &reason, reason.count)
        send(options, queue)
        // The request's own timeout answers; a little more, so that it is the one to do so.
        guard let event = rd_kafka_queue_poll(queue, limit + 1000) else {
            return .failure(KafkaError(.timedOut, "no answer to \(what)"))
        }
        defer { rd_kafka_event_destroy(event) }
        let error = rd_kafka_event_error(event)
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { return .failure(ClusterMetadata.failure(error, what)) }
        return read(event)
    }
}
