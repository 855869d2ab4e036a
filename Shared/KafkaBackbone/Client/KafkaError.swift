/// What the Kafka client can fail with; equal by code.
///
/// Messages name topics, partitions and librdkafka's own words, never keys, values or credentials.
public struct KafkaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What went wrong, in the terms that a caller can act on.
    public enum Code: Hashable, Sendable {
        /// A setting was refused by librdkafka, or contradicts one that this layer fixes.
        case configuration
        /// Our own bound on bytes in flight is reached; nothing of the batch was handed over.
        case full
        /// The client is shutting down or gone; nothing of the batch was handed over.
        case closed
        /// The topic's partitions are not known (not prepared, or it does not exist).
        case unknownTopic
        /// A partition number outside of the topic's range.
        case unknownPartition
        /// The cluster gave no answer in time.
        case timedOut
        /// The broker said no.
        case refused
        /// An existing topic does not have the shape that was asked for.
        case mismatch
    }

    public let code: Code
    public let message: String
    /// librdkafka's name for the cause, like `_TIMED_OUT` or `TOPIC_AUTHORIZATION_FAILED`; empty where it has none.
    public let cause: String

    public init(_ code: Code, _ message: String, cause: String = "") {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public static func == (left: KafkaError, right: KafkaError) -> Bool { left.code == right.code }

    public var description: String {
        cause.isEmpty ? "kafka \(code): \(message)" : "kafka \(code): \(message) (\(cause))"
    }
}
