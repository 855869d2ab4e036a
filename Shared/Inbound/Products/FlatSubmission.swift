internal import EventCodec
internal import EventModel

/// What FormBridge really sends: a submission as it stands, without an envelope and without saying what has happened to it.
struct FlatSubmission {
    private let message: ProductMessage
    private let metadata: ProductMembers?

    /// Nil for a message that has an envelope.
    init?(_ message: ProductMessage) {
        guard message.source == .formbridge, message.members.value("event") == nil,
            message.members.value("data") == nil, message.members.value("submissionId") != nil
        else { return nil }
        self.message = message
        metadata = message.members.object("metadata").flatMap { span in
            try? ProductMembers(of: message.body, in: span, keys: ["createdAt", "updatedAt", "createdBy"])
        }
    }

    func event(at now: Timestamp, session: String) -> ProductEvent {
        let members = message.members
        let kind = Kind(state: members.string("state") ?? "")
        var json = JSONWriter()
        json.object { json in
            json.member("submissionId", members.text("submissionId") ?? "")
            json.member("formId", members.text("intakeId") ?? "")
            switch kind {
            case .submitted: json.member("fieldCount", fieldCount)
            case .completed:
                json.member("completedBy", creator ?? "unknown")
                json.member("durationMs", age)
            case .expired: json.member("expiredAfterMs", age)
            }
        }
        return ProductEvent(
            type: kind.type, session: session, agent: creator ?? "external", source: .formbridge,
            name: kind.event, timestamp: RFC3339.format(now), payload: json.bytes, context: [])
    }

    /// What the submission's state says has happened.
    private enum Kind {
        case submitted, completed, expired

        init(state: String) {
            switch state {
            case "submitted", "finalized", "approved": self = .completed
            case "expired", "cancelled", "rejected": self = .expired
            default: self = .submitted
            }
        }

        var event: String {
            switch self {
            case .submitted: "submission.created"
            case .completed: "submission.completed"
            case .expired: "submission.expired"
            }
        }

        var type: EventType {
            let name =
                switch self {
                case .submitted: "form_submitted"
                case .completed: "form_completed"
                case .expired: "form_expired"
                }
            guard let type = EventType(name) else { preconditionFailure("the catalogue's types are well-formed") }
            return type
        }
    }

    /// Who made it: a name, or the id of an actor.
    private var creator: String? {
        if let span = metadata?.object("createdBy") {
            let actor = try? ProductMembers(of: message.body, in: span, keys: ["id"])
            return actor?.meaning("id")
        }
        return metadata?.meaning("createdBy")
    }

    /// Milliseconds between its making and its last change; 0 where either is no date.
    private var age: Int64 {
        guard let from = metadata?.string("createdAt").flatMap({ RFC3339.parse($0) }),
            let to = metadata?.string("updatedAt").flatMap({ RFC3339.parse($0) })
        else { return 0 }
        return max(0, to.microseconds(since: from) / 1_000)
    }

    private var fieldCount: Int {
        guard let json = message.members.raw("fields"),
            case .object(let members) = try? JSONValue(parsing: json, limits: JSONLimits())
        else { return 0 }
        return members.count
    }
}
