internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store

/// The envelopes of rows that somebody must look into. Where the fan-out has them at hand they cost nothing; where it does
/// not, only those that are asked for are read.
struct RowEnvelopes: Sendable {
    let feed: FeedQueries
    let log: LimitedLogger

    /// Of one statement.
    private static let chunkBytes = 8 << 20
    private static let retryInterval: Duration = .milliseconds(200)

    /// Gives the envelopes of some rows to `body`, one after the other, with the rows' numbers. Tries again while Postgres is
    /// away; an event whose retention has ended is left out.
    ///
    /// - Parameter numbers: Of rows, rising.
    /// - Throws: `CancellationError`.
    func forEach(
        _ numbers: [Int], of rows: [FeedRow], _ body: (Int, [UInt8]) -> Void
    ) async throws {
        var missing: [Int] = []
        for number in numbers {
            if let envelope = rows[number].envelope { body(number, envelope) } else { missing.append(number) }
        }
        let positions = missing.map { rows[$0].pos }
        var from = 0
        while from < positions.count {
            let found = try await read(positions[from...])
            guard let last = found.last else { return }
            for item in found {
                while from < positions.count, positions[from] < item.pos { from += 1 }
                if from < positions.count, positions[from] == item.pos { body(missing[from], item.envelope) }
            }
            while from < positions.count, positions[from] <= last.pos { from += 1 }
        }
    }

    private func read(_ positions: ArraySlice<Int64>) async throws -> [(pos: Int64, envelope: [UInt8])] {
        while true {
            do throws(DatabaseError) {
                return try await feed.envelopes(at: positions, bytes: Self.chunkBytes)
            } catch {
                log.warning("envelopes-not-read", ["reason": .describing(error)])
            }
            try await Task.sleep(for: Self.retryInterval)
        }
    }
}
