public import EventModel

/// What a verified request says.
public enum InboundOutcome: Sendable {
    case event(InboundEvent)
    /// A handshake: answer it, store nothing.
    case challenge(InboundAnswer)
}

/// An event from a verified sender.
public struct InboundEvent: Sendable {
    /// The envelope's type: `github.pull_request.opened`, `webhook.stripe.customer_created`.
    public var type: EventType
    /// The event in the vendor's words: `pull_request`, `customer.created`.
    public var name: String
    public var action: String?
    /// The vendor's id of this delivery.
    public var deliveryID: String?
    /// What identifies the event for good, `<channel>:<scope>:<id>`; nil where the sender gives nothing to go by.
    public var dedupeKey: String?
    /// JSON: the vendor's bytes, with what is secret in them replaced; a string where the vendor sends XML.
    public var payload: [UInt8]
    /// Seconds since the sender signed; nil where no time is signed.
    public var age: Int64?
    public var answer: InboundAnswer
}

/// What a vendor expects to hear.
public struct InboundAnswer: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        /// `{"id","duplicate"}`, for senders that ignore it and people who read it.
        case receipt
        case bytes([UInt8], contentType: String)
    }

    public var status: Int
    public var body: Body

    static let receipt = InboundAnswer(status: 200, body: .receipt)
    static let empty = InboundAnswer(status: 200, body: .bytes([], contentType: "text/plain"))

    static func json(_ bytes: [UInt8]) -> InboundAnswer {
        InboundAnswer(status: 200, body: .bytes(bytes, contentType: "application/json"))
    }

    static func text(_ bytes: [UInt8]) -> InboundAnswer {
        InboundAnswer(status: 200, body: .bytes(bytes, contentType: "text/plain"))
    }
}

/// Why a request is not let in. The reason is for the audit; whoever is refused learns the status and a general word.
public struct InboundRefusal: Error, Hashable, Sendable {
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        case missingSignature = "missing_signature"
        case malformedHeader = "malformed_header"
        case signatureMismatch = "signature_mismatch"
        case tokenMismatch = "token_mismatch"
        case unauthorized
        case staleTimestamp = "timestamp_out_of_tolerance"
        case encryptRequired = "encrypt_required"
        case decryptFailed = "decrypt_failed"
        case receiveIDMismatch = "receive_id_mismatch"
        case unsafeXML = "unsafe_xml"
        case malformedBody = "malformed_body"
        case unexpectedOrigin = "unexpected_origin"
        case noSecret = "no_secret"
    }

    public var reason: Reason
    /// Seconds since the sender signed, of a timestamp that is authentic and too old, or (negative) too new.
    public var age: Int64?

    init(_ reason: Reason, age: Int64? = nil) {
        self.reason = reason
        self.age = age
    }

    /// The status of the answer.
    public var status: Int { reason == .malformedBody ? 400 : 401 }
}
