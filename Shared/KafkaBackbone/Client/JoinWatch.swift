internal import CRdKafka
internal import Synchronization

/// Knows when a commit cannot fall behind a JoinGroup, by the requests that librdkafka sends.
///
/// A broker answers the requests of a connection one after the other, and a JoinGroup only when all members have joined:
/// a commit that is sent behind it is answered under the next generation, with ILLEGAL_GENERATION, upon which librdkafka
/// 2.0.2 gives up the whole assignment as lost. With a commit every second that was seen at every second rebalance.
/// librdkafka keeps its join state to itself; its interceptors are where it shows. Two rules:
///
/// - none from the sending of a JoinGroup to the answer of the SyncGroup that follows it;
/// - only in the first part of the time between two heartbeats: a member learns of a rebalance from the answer to one
///   and sends its JoinGroup upon it, so a little after an answer it is certain that none comes before the next.
final class JoinWatch: Sendable {
    private let joining = Atomic(false)
    /// When the last answer came that can make a member join, nanoseconds after `base`.
    private let lastAnswer = Atomic<Int64>(.min)
    private let base = ContinuousClock.now
    private let window: Duration

    /// How long librdkafka's threads may take from such an answer to the sending of the JoinGroup.
    private static let reaction = Duration.milliseconds(20)

    init(heartbeat: Duration) {
        window = heartbeat * 7 / 10
    }

    /// Whether a commit that is sent now is answered before a JoinGroup can be sent.
    var isCalm: Bool {
        let last = lastAnswer.load(ordering: .acquiring)
        guard !joining.load(ordering: .acquiring), last != .min else { return false }
        let since = ContinuousClock.now - base - .nanoseconds(last)
        return since >= Self.reaction && since <= window
    }

    private static let joinGroup: Int16 = 11
    private static let heartbeat: Int16 = 12
    private static let syncGroup: Int16 = 14

    private func sent(_ request: Int16) {
        if request == Self.joinGroup { joining.store(true, ordering: .releasing) }
    }

    /// - Parameter failed: there was no answer: librdkafka joins again later.
    private func answered(_ request: Int16, failed: Bool) {
        switch request {
        case Self.joinGroup where failed:
            joining.store(false, ordering: .releasing)
        case Self.syncGroup:
            noteAnswer()
            joining.store(false, ordering: .releasing)
        case Self.heartbeat where !failed:
            noteAnswer()
        default:
            break
        }
    }

    private func noteAnswer() {
        let (seconds, attoseconds) = (ContinuousClock.now - base).components
        lastAnswer.store(seconds * 1_000_000_000 + attoseconds / 1_000_000_000, ordering: .releasing)
    }

    /// Makes the client that is created with `configuration` report here. The watch must outlive the client.
    func install(in configuration: OpaquePointer) {
        let watch = Unmanaged.passUnretained(self).toOpaque()
        rd_kafka_conf_interceptor_add_on_new(
            configuration, "join-watch",
            { client, _, watch, _, _ in
                rd_kafka_interceptor_add_on_request_sent(
                    client, "join-watch",
                    { _, _, _, _, request, _, _, _, watch in
                        if let watch { Unmanaged<JoinWatch>.fromOpaque(watch).takeUnretainedValue().sent(request) }
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }, watch)
                return rd_kafka_interceptor_add_on_response_received(
                    client, "join-watch",
                    { _, _, _, _, request, _, _, _, _, error, watch in
                        if let watch {
                            Unmanaged<JoinWatch>.fromOpaque(watch).takeUnretainedValue()
                                .answered(request, failed: error != RD_KAFKA_RESP_ERR_NO_ERROR)
                        }
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }, watch)
            }, watch)
    }
}
