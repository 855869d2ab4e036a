/// Why a published body is refused; the whole body is, since a batch is all or nothing (`contracts.md` §4).
///
/// The message may quote names of fields, never their values.
public struct PublishError: Error, Hashable, Sendable {
    public enum Code: String, Hashable, Sendable {
        /// Not JSON, or more than one JSON text.
        case malformedJSON = "malformed_json"
        /// JSON, but no object and no array of objects.
        case invalidBody = "invalid_body"
        case emptyBatch = "empty_batch"
        case tooManyEvents = "too_many_events"
        /// The whole body is too large.
        case bodyTooLarge = "body_too_large"
        /// One event is too large.
        case eventTooLarge = "event_too_large"
        case tooDeep = "too_deep"
        case missingField = "missing_field"
        case invalidField = "invalid_field"
        case unknownField = "unknown_field"
        case duplicateField = "duplicate_field"
        /// The header `Idempotency-Key` and the body's key differ.
        case idempotencyKeyMismatch = "idempotency_key_mismatch"
    }

    public var code: Code
    public var message: String
    /// The field at fault, as it is called in the body; nil where it is the whole event or body.
    public var param: String?
    /// The event's place in a batch, from 0; nil for a single event and for the body as a whole.
    public var index: Int?

    public init(_ code: Code, _ message: String, param: String? = nil, index: Int? = nil) {
        self.code = code
        self.message = message
        self.param = param
        self.index = index
    }

    /// Whether a size is at fault (413) and not a content (400).
    public var isAboutSize: Bool { code == .bodyTooLarge || code == .eventTooLarge }

    /// Index and field in one word, for the API's `error.param`: `type`, `[3].type` or `[3]`.
    public var path: String? {
        guard let index else { return param }
        return param.map { "[\(index)].\($0)" } ?? "[\(index)]"
    }
}
