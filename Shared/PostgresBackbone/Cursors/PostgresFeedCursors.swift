public import Backbone
public import Database
public import EventModel
internal import Store

/// Feed cursors where the feed is: in Postgres, whatever carries the lanes.
public struct PostgresFeedCursors: FeedCursors {
    private let store: CursorStore

    /// - Parameter pool: of its own: a page takes longer than a look at the configuration.
    public init(pool: any StatementExecutor) {
        store = CursorStore(pool)
    }

    public func take(lanes: [Int]) async throws(BackboneError) -> TakenCursors {
        do { return try await store.take(lanes: lanes) } catch { throw BackboneError(error) }
    }

    public func jobs(lanes: [Int]) async throws(BackboneError) -> [DeliveryCursor] {
        do { return try await store.jobs(lanes: lanes) } catch { throw BackboneError(error) }
    }

    public func open(
        _ spans: [SpanOpening]
    ) async throws(BackboneError) -> (configVersion: Int64, spans: [OpenedSpan?]) {
        do { return try await store.open(spans) } catch { throw BackboneError(error) }
    }

    public func close(
        _ cursors: [(id: CursorID, lane: Int, epoch: Int64)]
    ) async throws(BackboneError) -> (configVersion: Int64, ends: [Int64?]) {
        do { return try await store.close(cursors) } catch { throw BackboneError(error) }
    }

    public func record(_ progress: [CursorProgress]) async throws(BackboneError) -> [CursorID: CursorState] {
        do { return try await store.record(progress) } catch { throw BackboneError(error) }
    }

    public func page(_ query: CursorQuery) async throws(BackboneError) -> CursorPage {
        do { return try await store.page(query) } catch { throw BackboneError(error) }
    }
}
