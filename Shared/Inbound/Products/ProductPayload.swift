internal import EventCodec
internal import EventModel

/// A source's event as one of the catalogue's: its type and its payload (seed 4's tables).
struct ProductPayload {
    let type: EventType
    let json: [UInt8]

    /// What the tables name inside `data`.
    static let keys: [StaticString] = [
        "requestId", "id", "action", "params", "urgency", "decidedBy", "approvedBy", "deniedBy", "reason",
        "submissionId", "formId", "formName", "fieldCount", "completedBy", "durationMs", "expiredAfterMs", "eventType",
        "type", "data",
    ]

    /// Nil for an event that the source does not have.
    ///
    /// - Parameter whole: `data` as it was sent.
    init?(source: ProductSource, event: String, data: ProductMembers, whole: [UInt8]) {
        let name: String
        var json = JSONWriter()
        switch source {
        case .agentgate:
            guard let type = Self.approvals[event] else { return nil }
            name = type
            json.object { Self.writeApproval(data, isRequest: type == "approval_requested", to: &$0) }
        case .formbridge:
            guard let type = Self.forms[event] else { return nil }
            name = type
            json.object { Self.writeForm(data, type: type, to: &$0) }
        case .generic:
            name = data.text("eventType") ?? "custom"
            guard Self.isOpen(name) else { return nil }
            json.object { json in
                json.member("type", data.text("type") ?? "generic")
                json.member("data", raw: data.raw("data") ?? whole)
            }
        }
        guard let type = EventType(name) else { return nil }
        self.type = type
        self.json = json.bytes
    }

    private static let approvals = [
        "request.created": "approval_requested", "request.approved": "approval_granted",
        "request.denied": "approval_denied", "request.expired": "approval_expired",
    ]
    private static let forms = [
        "submission.created": "form_submitted", "submission.completed": "form_completed",
        "submission.expired": "form_expired",
    ]

    private static func writeApproval(_ data: ProductMembers, isRequest: Bool, to json: inout JSONWriter) {
        json.member("requestId", data.text("requestId") ?? data.text("id") ?? "")
        json.member("action", data.text("action") ?? "")
        if isRequest {
            json.member("params", raw: data.raw("params") ?? Array("{}".utf8))
            json.member("urgency", data.text("urgency") ?? "normal")
        } else {
            json.member(
                "decidedBy",
                data.text("decidedBy") ?? data.text("approvedBy") ?? data.text("deniedBy") ?? "system")
            if let reason = data.meaning("reason") { json.member("reason", reason) }
        }
    }

    private static func writeForm(_ data: ProductMembers, type: String, to json: inout JSONWriter) {
        json.member("submissionId", data.text("submissionId") ?? data.text("id") ?? "")
        json.member("formId", data.text("formId") ?? "")
        switch type {
        case "form_submitted":
            if let name = data.meaning("formName") { json.member("formName", name) }
            json.member("fieldCount", raw: data.number("fieldCount") ?? zero)
        case "form_completed":
            json.member("completedBy", data.text("completedBy") ?? "unknown")
            json.member("durationMs", raw: data.number("durationMs") ?? zero)
        default:
            json.member("expiredAfterMs", raw: data.number("expiredAfterMs") ?? zero)
        }
    }

    private static let zero: [UInt8] = [0x30]

    /// What anybody may say without a signature: nothing that the catalogue names, and nothing that looks like an event
    /// of a verified sender. Nobody forges an approval.
    private static func isOpen(_ name: String) -> Bool {
        if name == "custom" { return true }
        guard let type = EventType(name), EventCatalogue.entry(name) == nil else { return false }
        return !(verifiedFamilies + EventCatalogue.reservedFamilies).compactMap { EventType($0) }
            .contains { type.belongs(to: $0) }
    }

    private static let verifiedFamilies = ["webhook", "agent"] + InboundChannel.allCases.map(\.rawValue)
}
