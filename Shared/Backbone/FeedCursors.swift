public import EventModel

/// The lane owner's side of feed cursors: the same on every backbone, since the feed lies in Postgres on all of them.
///
/// Whoever gains lanes (`LaneSignals.gained`) takes their cursors before it sends anything of theirs: that ends what an
/// earlier owner could still write, and tells up to which configuration version spans have to be known. From then on, for
/// each cursor: read pages behind its position, hand the events to the dispatcher as `LaneRecord`s whose handle has the source
/// `LaneHandle.cursor`, give their outcomes to `DeliveryLanes.settle` like those of lane records, and move the position over
/// what `LaneSignals.recorded` says is durable.
///
/// **Jobs** (replay, resend, redrive) are cursors of the kind `job`, one for each webhook, with `cause` = the job's id; rows are
/// added by `JobStore.start`. The owners find them within a second, deliver what their pages bring, record position and counts,
/// and stop at `CursorStore.cancel(cause:)` or `JobStore.cancel`. Their queries carry `DeliveryCursor.pageOfJob`; where
/// `DeliveryCursor.asksSubscription` is false the page's events are delivered as they come, without a look at what the
/// webhook subscribes to (its types and its filter): positions that were passed over count as sent again.
public protocol FeedCursors: Sendable {
    /// Takes the cursors of lanes: whoever had them before writes nothing more.
    func take(lanes: [Int]) async throws(BackboneError) -> TakenCursors

    /// The active jobs of lanes.
    func jobs(lanes: [Int]) async throws(BackboneError) -> [DeliveryCursor]

    /// Opens spans, each with its cursor; one whose endpoint has an open one answers that.
    ///
    /// - Returns: the configuration version that they are known by, and for each what it is; nil where the epoch is not ours.
    func open(_ spans: [SpanOpening]) async throws(BackboneError) -> (configVersion: Int64, spans: [OpenedSpan?])

    /// Closes spans at the head: what is stored from now on comes through the lane.
    ///
    /// - Returns: the first position behind each span; nil where the epoch is not ours.
    func close(
        _ cursors: [(id: CursorID, lane: Int, epoch: Int64)]
    ) async throws(BackboneError) -> (configVersion: Int64, ends: [Int64?])

    /// Records how far cursors are settled.
    func record(_ progress: [CursorProgress]) async throws(BackboneError) -> [CursorID: CursorState]

    /// Events for a cursor, in order.
    func page(_ query: CursorQuery) async throws(BackboneError) -> CursorPage
}
