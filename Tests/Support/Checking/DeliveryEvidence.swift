/// What is known after a test about a tenant's events: what publishers were told, and what the feed, the receivers, the
/// audit and the dead letters say. `DeliveryChecker` compares them.
public struct DeliveryEvidence: Sendable {
    /// An event that a publisher was told is kept.
    public struct Acknowledged: Sendable {
        public var event: String
        public var key: String?
        /// The `data` that was published, as JSON; nil where the test does not know it.
        public var data: [UInt8]?

        public init(event: String, key: String? = nil, data: [UInt8]? = nil) {
            self.event = event
            self.key = key
            self.data = data
        }
    }

    /// A row of the feed, by SQL.
    public struct FeedRow: Sendable {
        public var position: Int64
        public var event: String
        public var type: String
        public var tenant: String
        /// The one endpoint that the event is for; nil: all that match.
        public var onlyEndpoint: String?
        /// An endpoint that the event is not for.
        public var exceptEndpoint: String?
        public var envelope: [UInt8]

        public init(
            position: Int64, event: String, type: String, tenant: String, onlyEndpoint: String? = nil,
            exceptEndpoint: String? = nil, envelope: [UInt8]
        ) {
            self.position = position
            self.event = event
            self.type = type
            self.tenant = tenant
            self.onlyEndpoint = onlyEndpoint
            self.exceptEndpoint = exceptEndpoint
            self.envelope = envelope
        }
    }

    /// A webhook, and the receiver that it points to.
    public struct Endpoint: Sendable {
        public var id: String
        public var secret: String
        /// As the webhook's `events`; empty: all.
        public var events: [String]
        /// The feed's next position when it was created: what is before is not for it.
        public var from: Int64
        /// What its receiver saw.
        public var requests: [ReceivedRequest]

        public init(id: String, secret: String, events: [String] = [], from: Int64 = 0, requests: [ReceivedRequest]) {
            self.id = id
            self.secret = secret
            self.events = events
            self.from = from
            self.requests = requests
        }

        func matches(_ row: FeedRow) -> Bool {
            if let only = row.onlyEndpoint { return only == id }
            guard row.position >= from, row.exceptEndpoint != id else { return false }
            return events.isEmpty || events.contains { row.type == $0 || row.type.hasPrefix("\($0).") }
        }
    }

    /// A row of the audit.
    public struct Attempt: Sendable {
        public var endpoint: String
        public var event: String
        public var delivery: String
        /// `live`, `test`, or the id of what asked for it.
        public var cause: String
        public var number: Int
        public var verdict: String
        public var reason: String?
        public var status: Int?
        public var errorClass: String?

        public init(
            endpoint: String, event: String, delivery: String, cause: String = "live", number: Int, verdict: String,
            reason: String? = nil, status: Int? = nil, errorClass: String? = nil
        ) {
            self.endpoint = endpoint
            self.event = event
            self.delivery = delivery
            self.cause = cause
            self.number = number
            self.verdict = verdict
            self.reason = reason
            self.status = status
            self.errorClass = errorClass
        }

        /// Somebody asked for it, whatever the webhook subscribes to.
        var isRequested: Bool { cause != "live" && cause != "test" }
    }

    public struct DeadLetter: Sendable {
        public var endpoint: String
        public var event: String
        public var delivery: String
        public var payload: [UInt8]

        public init(endpoint: String, event: String, delivery: String, payload: [UInt8]) {
            self.endpoint = endpoint
            self.event = event
            self.delivery = delivery
            self.payload = payload
        }
    }

    public var tenant: String
    public var acknowledged: [Acknowledged] = []
    /// The whole feed, all tenants, in order of position.
    public var feed: [FeedRow] = []
    public var oldestPosition: Int64 = 1
    public var nextPosition: Int64 = 1
    /// The tenant's envelopes, as a poller that followed the cursor got them.
    public var polled: [[UInt8]] = []
    public var endpoints: [Endpoint] = []
    public var attempts: [Attempt] = []
    public var deadLetters: [DeadLetter] = []

    public init(tenant: String) {
        self.tenant = tenant
    }
}
