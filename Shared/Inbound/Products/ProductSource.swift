/// Who seed 4's door takes events from.
public enum ProductSource: String, CaseIterable, Hashable, Sendable {
    case agentgate, formbridge
    /// Anybody; unsigned.
    case generic

    /// The channel whose integration holds the product's secrets; nil where nothing is signed.
    public var channel: InboundChannel? {
        switch self {
        case .agentgate: .agentgate
        case .formbridge: .formbridge
        case .generic: nil
        }
    }

    /// The header in which the product itself signs; the seed's own is `X-Webhook-Signature`.
    var ownHeader: String? {
        switch self {
        case .agentgate: "X-AgentGate-Signature"
        case .formbridge: "X-FormBridge-Signature"
        case .generic: nil
        }
    }

    /// What the names of its events begin with.
    var eventPrefix: String? {
        switch self {
        case .agentgate: "request."
        case .formbridge: "submission."
        case .generic: nil
        }
    }
}

/// Why the door does not take a request, in the order in which it looks: the status and the sentence go to the sender.
public struct ProductRefusal: Error, Hashable, Sendable {
    public enum Reason: String, Hashable, Sendable {
        case json, source, secret, signature, event, data
        case unknownEvent = "unknown_event"
    }

    public let reason: Reason
    /// 400, 401 or 500.
    public let status: Int
    public let message: String

    init(_ reason: Reason, _ status: Int, _ message: String) {
        self.reason = reason
        self.status = status
        self.message = message
    }

    /// Our fault, or the operator's: a product is never let in unsigned.
    public static func noSecret(_ source: ProductSource) -> ProductRefusal {
        ProductRefusal(.secret, 500, "Webhook secret not configured for source: \(source.rawValue)")
    }

    public static let badSignature = ProductRefusal(.signature, 401, "Invalid webhook signature")
}
