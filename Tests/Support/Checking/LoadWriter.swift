internal import CLinux
internal import EventCodec
internal import Synchronization

/// Publishes events from several writers at once, each with its key, and tries again with the same key until the service
/// says that the event is kept, as a careful publisher does.
///
/// ```swift
/// let load = LoadWriter(installation, count: 600)
/// async let writing: Void = load.run()
/// await load.reached(150)
/// try await installation.kill(.ingest)
/// ```
public final class LoadWriter: Sendable {
    private let installation: Installation
    private let count: Int
    private let writers: Int
    private let type: String
    private let name: String
    private let pause: Duration
    private let isFinished = Atomic<Bool>(false)
    private let acks = TestCollector<DeliveryEvidence.Acknowledged>()
    private let other = TestCollector<String>()

    /// - Parameters:
    ///   - name: what the keys and the data begin with; unique in the installation.
    ///   - pause: Of each writer behind each event: the rate of a load that goes on beside something else.
    public init(
        _ installation: Installation, count: Int, writers: Int = 6, type: String = "load.item", name: String = "load",
        pause: Duration = .zero
    ) {
        self.installation = installation
        self.count = count
        self.writers = writers
        self.type = type
        self.name = name
        self.pause = pause
    }

    /// Begins no more events: `run` returns when those under way are acknowledged.
    public func finish() { isFinished.store(true, ordering: .relaxed) }

    /// What was acknowledged so far.
    public var acknowledged: [DeliveryEvidence.Acknowledged] { acks.values }

    /// Answers other than 202 and 503: there should be none.
    public var refusals: [String] { other.values }

    /// Returns as soon as `count` events are acknowledged.
    public func reached(_ count: Int) async { _ = await acks.first(count) }

    /// Returns when all events are acknowledged.
    ///
    /// - Throws: `NeverTrue` when an event is not acknowledged within `limit`.
    public func run(eachWithin limit: Duration = .seconds(40)) async throws {
        try await withThrowingTaskGroup { group in
            for writer in 0..<writers {
                group.addTask {
                    for number in stride(from: writer, to: self.count, by: self.writers) {
                        if self.isFinished.load(ordering: .relaxed) { return }
                        try await self.publish(number, within: limit)
                        if self.pause > .zero { try await ContinuousClock().sleep(for: self.pause) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func publish(_ number: Int, within limit: Duration) async throws {
        let key = "\(name)-\(number)"
        // The text has what a careless copy would change.
        let data = #"{"n":\#(number),"of":"\#(name)","text":"é \u00e9 \/ 🚀","number":1.50e2}"#
        let body = #"{"type":"\#(type)","idempotency_key":"\#(key)","data":\#(data)}"#
        try await eventually("\(key) is acknowledged", within: limit) {
            let answer: TestAnswer
            do {
                answer = try await installation.request("POST", "/v1/events", body, within: .seconds(5))
            } catch is SpawnError {
                // Refused, reset or cut off: nobody knows whether it was kept.
                return false
            }
            switch answer.status {
            case 202:
                guard let value = try? JSONValue(parsing: answer.body), case .string(let id)? = value["id"] else {
                    return false
                }
                acks.append(DeliveryEvidence.Acknowledged(event: id, key: key, data: Array(data.utf8)))
                return true
            case 503: return false
            default:
                other.append("\(answer.status) \(answer.text)")
                return false
            }
        }
    }
}
