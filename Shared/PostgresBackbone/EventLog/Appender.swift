internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store

/// One connection that appends what waits: a call at a time, all of it that fits.
final class Appender {
    private let configuration: PostgresBackboneConfiguration
    private let connection: BlockingConnection
    private let logger: Logger
    private let refused: Counter
    private let wake: WakeSender
    private var columns = EventColumns()

    init(
        _ configuration: PostgresBackboneConfiguration, connection: BlockingConnection, logger: Logger,
        refused: Counter, wake: WakeSender
    ) {
        self.configuration = configuration
        self.connection = connection
        self.logger = logger
        self.refused = refused
        self.wake = wake
    }

    /// Appends the requests' events and answers each request.
    func append(_ requests: [AppendRequest]) {
        var fates: [AppendFate] = []
        fates.reserveCapacity(requests.reduce(0) { $0 + $1.events.count })
        // One request may be larger than a call; several never are together.
        for piece in pieces(of: requests) { append(piece, to: &fates) }
        var start = 0
        for request in requests {
            request.answer(fates[start..<start + request.events.count])
            start += request.events.count
        }
    }

    /// Slices of the requests' events, in calls.
    private func pieces(of requests: [AppendRequest]) -> [[ArraySlice<NewEvent>]] {
        let bounds = configuration.appending
        guard requests.count == 1, let request = requests.first,
            request.events.count > bounds.batchEvents || request.bytes > bounds.batchBytes
        else { return [requests.map { $0.events[...] }] }
        var pieces: [[ArraySlice<NewEvent>]] = []
        var start = 0
        var bytes = 0
        for index in request.events.indices {
            let size = request.events[index].envelope.count
            if index > start, index - start == bounds.batchEvents || bytes + size > bounds.batchBytes {
                pieces.append([request.events[start..<index]])
                start = index
                bytes = 0
            }
            bytes += size
        }
        pieces.append([request.events[start...]])
        return pieces
    }

    private func append(_ slices: [ArraySlice<NewEvent>], to fates: inout [AppendFate]) {
        let count = slices.reduce(0) { $0 + $1.count }
        columns.removeAll()
        for slice in slices {
            for index in slice.indices {
                columns.append(
                    slice[index], part: slice[index].tenant.partition(of: configuration.eventPartitions))
            }
        }
        let channel = wake.begin()
        do {
            let rows = try connection.execute(
                AppendStatement.statement(for: columns),
                AppendStatement.parameters(columns, window: configuration.dedupeWindow, waking: channel))
            wake.committed(rows: count, notified: channel)
            addReceipts(AppendStatement.answer(rows), slices, to: &fates)
        } catch {
            wake.failed(notified: channel)
            let error = BackboneError(error)
            guard error.code == .poison else {
                fates.append(contentsOf: repeatElement(.failed(error), count: count))
                return
            }
            appendHalves(slices, count: count, error, to: &fates)
        }
    }

    private func addReceipts(
        _ answer: AppendStatement.Answer, _ slices: [ArraySlice<NewEvent>], to fates: inout [AppendFate]
    ) {
        var duplicates = answer.duplicates.makeIterator()
        var duplicate = duplicates.next()
        var ordinal = 0
        for slice in slices {
            for index in slice.indices {
                if let known = duplicate, known.index == ordinal {
                    fates.append(.receipt(.stored(id: known.winner, isDuplicate: true)))
                    duplicate = duplicates.next()
                } else {
                    fates.append(.receipt(.stored(id: slice[index].id, isDuplicate: false)))
                }
                ordinal += 1
            }
        }
    }

    /// Something in the batch cannot be stored and never will: halves find it, all others are stored, in order.
    private func appendHalves(
        _ slices: [ArraySlice<NewEvent>], count: Int, _ error: BackboneError, to fates: inout [AppendFate]
    ) {
        if count == 1 {
            refused.increment()
            logger.error("event refused by the store", ["reason": .string(error.message)])
            fates.append(.receipt(.refused(reason: error.message)))
            return
        }
        var first: [ArraySlice<NewEvent>] = []
        var second: [ArraySlice<NewEvent>] = []
        var left = count / 2
        for slice in slices {
            let taken = min(left, slice.count)
            if taken > 0 { first.append(slice.prefix(taken)) }
            if taken < slice.count { second.append(slice.dropFirst(taken)) }
            left -= taken
        }
        append(first, to: &fates)
        append(second, to: &fates)
    }
}
