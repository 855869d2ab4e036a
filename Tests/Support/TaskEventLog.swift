public import Backbone
public import EventModel

/// A log made by a test, whose answers come from an async function.
public protocol TaskEventLog: EventLog {
    func store(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt]
}

extension TaskEventLog {
    public func append(_ events: [NewEvent], completion: @escaping @Sendable (AppendAnswer) -> Void) {
        Task {
            do throws(BackboneError) {
                completion(.success(try await store(events)))
            } catch {
                completion(.failure(error))
            }
        }
    }
}
