internal import EventModel

/// An endpoint's subscription while it was in force: `from <= pos < to`.
struct Interval: Hashable, Sendable {
    let endpoint: EndpointID
    let from: Int64
    /// `Int64.max` while it is in force.
    var to: Int64

    static let open = Int64.max

    func isInForce(at pos: Int64) -> Bool { from <= pos && pos < to }
}

/// The endpoints behind one pattern of a tenant, in order of their ids (and of `from` for one endpoint), in chunks: a change
/// to a copy of a list of 100 000 copies one chunk and the row of chunks, not the list.
struct EndpointList: Sendable {
    /// Most lists have one chunk; it lies here, so that they need one allocation.
    private var first: [Interval] = []
    private var rest: [[Interval]] = []

    /// A chunk of this size is split: 256 intervals are 8 KB.
    private static let maximumChunk = 256

    init() {}

    var isEmpty: Bool { first.isEmpty && rest.isEmpty }
    var count: Int { rest.reduce(first.count) { $0 + $1.count } }

    /// Appends the endpoints in force at `pos`.
    func append(at pos: Int64, to endpoints: inout [EndpointID]) {
        for interval in first where interval.isInForce(at: pos) { endpoints.append(interval.endpoint) }
        for chunk in rest {
            for interval in chunk where interval.isInForce(at: pos) { endpoints.append(interval.endpoint) }
        }
    }

    /// Opens an endpoint's interval at `from`.
    mutating func open(_ endpoint: EndpointID, from: Int64) {
        let interval = Interval(endpoint: endpoint, from: from, to: Interval.open)
        withChunk(for: endpoint, from) { chunk in
            chunk.insert(interval, at: Self.index(of: endpoint, from, in: chunk))
        }
    }

    /// Ends the endpoint's interval that began at `from`; one that is empty then, or has `to` nil, is dropped.
    mutating func close(_ endpoint: EndpointID, from: Int64, to: Int64?) {
        withChunk(for: endpoint, from) { chunk in
            let index = Self.index(of: endpoint, from, in: chunk)
            guard index < chunk.count, chunk[index].endpoint == endpoint, chunk[index].from == from else { return }
            if let to, to > from {
                chunk[index].to = to
            } else {
                chunk.remove(at: index)
            }
        }
    }

    /// The first place whose interval is not before (endpoint, from).
    private static func index(of endpoint: EndpointID, _ from: Int64, in chunk: [Interval]) -> Int {
        var (low, high) = (0, chunk.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(chunk[middle], endpoint, from) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func isBefore(_ interval: Interval, _ endpoint: EndpointID, _ from: Int64) -> Bool {
        interval.endpoint == endpoint ? interval.from < from : interval.endpoint < endpoint
    }

    /// Changes the chunk that holds (endpoint, from) or would; keeps chunks below their maximum and none of `rest` empty.
    private mutating func withChunk(for endpoint: EndpointID, _ from: Int64, _ change: (inout [Interval]) -> Void) {
        // The last chunk that does not begin behind it.
        var (low, high) = (0, rest.count)
        while low < high {
            let middle = (low + high) / 2
            let begins = rest[middle][0]
            let isBehind = !(isBefore(begins, endpoint, from) || (begins.endpoint == endpoint && begins.from == from))
            if isBehind { high = middle } else { low = middle + 1 }
        }
        if low == 0 {
            change(&first)
            if first.count > Self.maximumChunk { rest.insert(Self.split(&first), at: 0) }
        } else {
            change(&rest[low - 1])
            if rest[low - 1].count > Self.maximumChunk {
                rest.insert(Self.split(&rest[low - 1]), at: low)
            } else if rest[low - 1].isEmpty {
                rest.remove(at: low - 1)
            }
        }
    }

    private func isBefore(_ interval: Interval, _ endpoint: EndpointID, _ from: Int64) -> Bool {
        Self.isBefore(interval, endpoint, from)
    }

    /// Takes the second half off; what is added in order leaves chunks that are full.
    private static func split(_ chunk: inout [Interval]) -> [Interval] {
        let middle = chunk.count * 3 / 4
        let tail = Array(chunk[middle...])
        chunk.removeSubrange(middle...)
        return tail
    }
}
