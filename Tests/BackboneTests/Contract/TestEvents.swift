import Backbone
import EventModel
import Synchronization

/// Events of a test's making; ids rise.
enum TestEvents {
    private static let last = Atomic<UInt64>(0)

    static func make(
        _ count: Int, tenant: String? = nil, key: [UInt8]? = nil, size: Int = 64
    ) -> [NewEvent] {
        (0..<count).map { _ in
            let number = last.wrappingAdd(1, ordering: .relaxed).newValue
            let now = SystemClock().now()
            let tenant = TenantID(tenant ?? "tenant-\(number % 40)")
            return NewEvent(
                id: EventID(Ulid(milliseconds: UInt64(now.milliseconds), randomHigh: 0, randomLow: number)),
                tenant: tenant ?? TenantID(Ulid(high: 0, low: 0)), type: "thing.made", smithID: nil, createdAt: now,
                dedupeKey: key,
                envelope: Array("{\"n\":\(number),\"pad\":\"\(String(repeating: "x", count: size))\"}".utf8))
        }
    }

    static func endpoint(_ number: Int) -> EndpointID {
        EndpointID(Ulid(milliseconds: 1_780_000_000_000, randomHigh: 1, randomLow: UInt64(number)))
    }

    /// One of `count` endpoints, the same for a tenant always.
    static func endpoint(of tenant: TenantID, among count: Int) -> EndpointID {
        endpoint(tenant.partition(of: count))
    }
}

struct NotStored: Error {
    var receipt: AppendReceipt
}

extension EventLog {
    /// Appends and returns the ids under which the events are on the feed.
    func ids(of events: [NewEvent]) async throws -> [EventID] {
        try await append(events).map { receipt in
            guard case .stored(let id, _) = receipt else { throw NotStored(receipt: receipt) }
            return id
        }
    }
}
