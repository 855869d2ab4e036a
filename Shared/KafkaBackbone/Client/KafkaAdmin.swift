internal import CRdKafka
public import Observability

/// Makes topics, looks at them, and asks where logs and groups stand. For start-up, tools and tests, not for hot paths:
/// each call blocks a thread of its own (`kafka-admin`) until the cluster answers.
///
///     let admin = try KafkaAdmin(connection, log: log, metrics: registry)
///     try await admin.ensure([TopicSpecification("events", partitions: 12, replicas: 3, retention: .seconds(4 * 86_400))])
///     admin.shutdown()
public final class KafkaAdmin: Sendable {
    private let handle: ClientHandle
    private let connection: KafkaConnection
    private let timeout: Duration

    /// - Parameter timeout: the longest wait for each answer.
    /// - Throws: `KafkaError.Code.configuration`.
    public init(
        _ connection: KafkaConnection, timeout: Duration = .seconds(15), log: Logger, metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.connection = connection
        self.timeout = timeout
        handle = try ClientHandle(
            RD_KAFKA_PRODUCER, settings: ClientProperties.common(connection, statistics: .zero),
            transport: connection.transport, events: ClientEvents.handled)
        let events = ClientEvents(log: log, metrics: ClientMetrics(metrics, client: "admin"))
        let handle = handle
        NamedThread.start("kafka-poll") {
            while !handle.isClosing {
                guard let event = rd_kafka_queue_poll(handle.queue, Self.pollWait) else { continue }
                _ = events.handle(event, of: rd_kafka_event_type(event))
                rd_kafka_event_destroy(event)
            }
            handle.destroy()
        }
    }

    private static let pollWait: Int32 = 1000

    // MARK: Topics

    /// Makes the topics that are missing, and checks that the others have the partitions and the retention asked for.
    ///
    /// - Throws: `mismatch` when an existing topic has another number of partitions (they cannot be changed without
    ///   losing the order of keys) or keeps records for a shorter time.
    public func ensure(_ topics: [TopicSpecification]) async throws(KafkaError) {
        try await create(topics)
        for topic in topics {
            let description = try await waitForTopic(topic.name)
            guard description.partitions == topic.partitions else {
                throw KafkaError(
                    .mismatch, "\(topic.name) has \(description.partitions) partitions and not \(topic.partitions)")
            }
            guard let wanted = topic.retention else { continue }
            let found = try await retention(of: topic.name)
            guard found.map({ $0 >= wanted }) ?? true else {
                throw KafkaError(.mismatch, "\(topic.name) keeps records for less than \(wanted)")
            }
        }
    }

    /// Makes the topics that are missing.
    public func create(_ topics: [TopicSpecification]) async throws(KafkaError) {
        try await blocking { client, deadline in
            AdminCall.create(topics, client, by: deadline)
        }
    }

    /// Gives topics more partitions, and returns when all of them have leaders. Those that have as many are left alone.
    ///
    /// - Throws: `unknownTopic`; `mismatch` where there are more.
    public func grow(_ topics: [(name: String, partitions: Int)]) async throws(KafkaError) {
        var small: [(name: String, partitions: Int)] = []
        for topic in topics {
            guard let found = try await describe(topic.name) else {
                throw KafkaError(.unknownTopic, "the topic \(topic.name) does not exist")
            }
            guard found.partitions <= topic.partitions else {
                throw KafkaError(
                    .mismatch, "\(topic.name) has \(found.partitions) partitions, more than \(topic.partitions)")
            }
            if found.partitions < topic.partitions { small.append(topic) }
        }
        try await blocking { [small] client, deadline in AdminCall.grow(small, client, by: deadline) }
        for topic in small {
            _ = try await blocking { client, deadline in
                AdminCall.waitForTopic(topic.name, partitions: topic.partitions, client, by: deadline)
            }
        }
    }

    /// Deletes topics with their records; one that does not exist is no error.
    public func delete(_ topics: [String]) async throws(KafkaError) {
        try await blocking { client, deadline in AdminCall.delete(topics, client, by: deadline) }
    }

    /// A topic's shape, nil when there is none.
    public func describe(_ topic: String) async throws(KafkaError) -> TopicDescription? {
        try await blocking { client, deadline in ClusterMetadata.describe(topic, client, by: deadline) }
    }

    /// A topic's settings as the broker applies them, its own and inherited ones.
    public func settings(of topic: String) async throws(KafkaError) -> [String: String] {
        try await blocking { client, deadline in AdminCall.settings(of: topic, client, by: deadline) }
    }

    /// How long a topic keeps its records; nil: for ever.
    public func retention(of topic: String) async throws(KafkaError) -> Duration? {
        let found = try await settings(of: topic)["retention.ms"].flatMap { Int64($0) }
        guard let found else { throw KafkaError(.refused, "\(topic) does not say how long it keeps records") }
        return found < 0 ? nil : .milliseconds(found)
    }

    // MARK: Positions

    /// The oldest and the next offset of each partition.
    public func offsets(of partitions: [TopicPartition]) async throws(KafkaError) -> [TopicPartition: Range<Int64>] {
        try await blocking { client, deadline in
            AdminCall.offsets(of: partitions, client, by: deadline)
        }
    }

    /// What a group has committed; partitions without a commit are left out.
    public func committed(by group: String, of partitions: [TopicPartition]) async throws(KafkaError)
        -> [TopicPartition: Int64]
    {
        let (connection, deadline) = (connection, ContinuousClock.now + timeout)
        return try await NamedThread.run("kafka-admin") {
            AdminCall.committed(by: group, of: partitions, connection, by: deadline)
        }
    }

    /// Commits for a group, which may have no members.
    public func commit(_ offsets: [TopicPartition: Int64], for group: String) async throws(KafkaError) {
        let (connection, deadline) = (connection, ContinuousClock.now + timeout)
        try await NamedThread.run("kafka-admin") {
            AdminCall.commit(offsets, for: group, connection, by: deadline)
        }
    }

    /// Who is in a group, a word or two for each member; nobody where there is no such group.
    public func members(of group: String) async throws(KafkaError) -> [String] {
        try await blocking { client, deadline in AdminCall.members(of: group, client, by: deadline) }
    }

    /// Ends the client; calls under way are waited for.
    public func shutdown() { handle.requestClose() }

    // MARK: Inside

    private func blocking<Value: Sendable>(
        _ call: @escaping @Sendable (OpaquePointer, ContinuousClock.Instant) -> Result<Value, KafkaError>
    ) async throws(KafkaError) -> Value {
        let (handle, deadline) = (handle, ContinuousClock.now + timeout)
        return try await NamedThread.run("kafka-admin") {
            handle.withHandle { call($0, deadline) } ?? .failure(KafkaError(.closed, "the administrator is closed"))
        }
    }

    /// A topic just made takes a moment to be known to every broker.
    private func waitForTopic(_ topic: String) async throws(KafkaError) -> TopicDescription {
        try await blocking { client, deadline in
            AdminCall.waitForTopic(topic, client, by: deadline)
        }
    }
}

/// A topic to be made.
public struct TopicSpecification: Sendable {
    public var name: String
    public var partitions: Int
    /// 1 on a single broker, 3 in a cluster.
    public var replicas: Int
    /// How long records are kept; nil: the broker's default.
    public var retention: Duration?
    /// How many replicas must have a record before it is acknowledged; nil: 2 of 3, else 1.
    public var inSyncReplicas: Int?

    public init(
        _ name: String, partitions: Int, replicas: Int, retention: Duration? = nil, inSyncReplicas: Int? = nil
    ) {
        self.name = name
        self.partitions = partitions
        self.replicas = replicas
        self.retention = retention
        self.inSyncReplicas = inSyncReplicas
    }

    var settings: [(String, String)] {
        var settings = [
            ("min.insync.replicas", "\(inSyncReplicas ?? (replicas >= 3 ? 2 : 1))"),
            ("max.message.bytes", "\(KafkaConnection.largestRecord + ClientProperties.recordFraming)"),
            // A replica that lags must not become the leader: it would lose what was acknowledged.
            ("unclean.leader.election.enable", "false"),
            // Positions are offsets; nothing may disappear from between them.
            ("cleanup.policy", "delete"),
        ]
        if let retention { settings.append(("retention.ms", "\(retention.wholeMilliseconds)")) }
        return settings
    }
}
