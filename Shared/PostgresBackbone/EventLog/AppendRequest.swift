internal import Backbone
internal import EventModel

/// One caller's events on their way through the queue, and the place for their answer.
final class AppendRequest: Sendable {
    let events: [NewEvent]
    let bytes: Int
    let queuedAt: ContinuousClock.Instant
    private let completion: @Sendable (AppendAnswer) -> Void

    /// - Parameter completion: called once, by whoever takes the request out of the queue.
    init(_ events: [NewEvent], bytes: Int, completion: @escaping @Sendable (AppendAnswer) -> Void) {
        self.events = events
        self.bytes = bytes
        self.queuedAt = .now
        self.completion = completion
    }

    func answer(_ answer: AppendAnswer) {
        completion(answer)
    }
}

/// What became of one event inside a call, before callers get their share.
enum AppendFate {
    case receipt(AppendReceipt)
    case failed(BackboneError)
}

extension AppendRequest {
    /// Answers with this request's part of the fates: an error only when all of its events met one.
    func answer(_ fates: ArraySlice<AppendFate>) {
        var receipts: [AppendReceipt] = []
        receipts.reserveCapacity(fates.count)
        var failure: BackboneError?
        var isAllFailed = true
        for fate in fates {
            switch fate {
            case .receipt(let receipt):
                receipts.append(receipt)
                isAllFailed = false
            case .failed(let error):
                // A call that certainly wrote nothing must not be told where another may have written.
                if failure?.code != .outcomeUnknown { failure = error }
                receipts.append(.unknown)
            }
        }
        if isAllFailed, let failure { answer(.failure(failure)) } else { answer(.success(receipts)) }
    }
}
