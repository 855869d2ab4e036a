/// A stretch of a list, and whether more follows.
public struct Page<Item: Sendable>: Sendable {
    public var items: [Item]
    public var hasMore: Bool

    public init(items: [Item], hasMore: Bool) {
        self.items = items
        self.hasMore = hasMore
    }

    /// From one row more than was asked for.
    init(_ items: [Item], limit: Int) {
        self.init(items: Array(items.prefix(limit)), hasMore: items.count > limit)
    }
}
