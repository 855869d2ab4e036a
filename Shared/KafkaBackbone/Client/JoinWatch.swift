internal import CRdKafka
internal import Synchronization

/// Knows whether this member is on its way into a new generation of its group, by the requests that librdkafka sends.
///
/// A broker answers the requests of a connection one after the other, and a JoinGroup only when all members have joined:
/// a commit that is sent behind it is answered under the next generation, with ILLEGAL_GENERATION, upon which librdkafka
/// 2.0.2 gives up the whole assignment as lost. With a commit every second that was seen at every second rebalance. So
/// no commit is sent from the sending of a JoinGroup to the answer of the SyncGroup that follows it. librdkafka keeps
/// its join state to itself; its interceptors are where it shows.
final class JoinWatch: Sendable {
    private let joining = Atomic(false)

    var isJoining: Bool { joining.load(ordering: .acquiring) }

    private static let joinGroup: Int16 = 11
    private static let syncGroup: Int16 = 14

    private func sent(_ request: Int16) {
        if request == Self.joinGroup { joining.store(true, ordering: .releasing) }
    }

    /// - Parameter failed: there was no answer: librdkafka joins again later.
    private func answered(_ request: Int16, failed: Bool) {
        if request == Self.syncGroup || (request == Self.joinGroup && failed) {
            joining.store(false, ordering: .releasing)
        }
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
