internal import Backbone
internal import EventCodec
internal import EventModel
internal import Store

/// Finds the runs that a batch starts by roles: an event of a workspace whose type is a role that somebody plays there
/// (seed 3).
struct RoleRouter: Sendable {
    let table: RoleTable
    let envelopes: RowEnvelopes

    /// - Throws: `CancellationError`.
    func runs(of rows: [FeedRow]) async throws -> [NewAgentRun] {
        let book = table.snapshot
        let candidates = rows.indices.filter { number in
            rows[number].onlyEndpoint == nil && book.mayAnswer(rows[number].type, of: rows[number].tenant)
        }
        guard !candidates.isEmpty else { return [] }
        var runs: [NewAgentRun] = []
        try await envelopes.forEach(candidates, of: rows) { number, envelope in
            if let run = Self.run(rows[number], envelope, book) { runs.append(run) }
        }
        return runs
    }

    /// The run that an event starts, if any.
    static func run(_ row: FeedRow, _ envelope: [UInt8], _ book: RoleBook) -> NewAgentRun? {
        guard let facts = HookFacts(envelope: envelope),
            let agent = book.agent(row.type, of: facts.workspace, tenant: row.tenant, at: row.pos)
        else { return nil }
        var inputs = JSONWriter()
        inputs.object { json in
            json.member("workspace_id", facts.workspace)
            json.member("source", facts.source)
            json.member("source_identifier", facts.sourceIdentifier)
            json.member("event_type", facts.eventType)
        }
        return NewAgentRun(
            event: row.id, eventType: row.type, tenant: row.tenant, workspace: facts.workspace, role: row.type,
            agent: agent, inputs: inputs.bytes)
    }
}

/// What the generic door wrote of an event, as far as routing cares.
struct HookFacts: Sendable, Hashable {
    var workspace: WorkspaceID
    var source: String?
    var sourceIdentifier: String?
    var eventType: String?

    /// Nil for an event that did not come by a workspace's door.
    init?(envelope: [UInt8]) {
        // The payload is the sender's own, large and perhaps as deep as the scanner goes: it is cut off and not read. Only
        // as a key of `data` can this stand where quotes are not escaped.
        guard let cut = Self.index(of: Self.beforePayload, in: envelope) else { return nil }
        let head = Array(envelope[...cut] + Array("}}".utf8))
        guard let data = (try? JSONScanner.members(of: head, keys: ["data"]))?[0], data.kind == .object,
            let members = try? JSONScanner.members(
                of: head, in: data, keys: ["workspace_id", "source", "source_identifier", "event_type"])
        else { return nil }
        func text(_ span: JSONSpan?) -> String? {
            guard let span, span.kind == .string else { return nil }
            return JSONText.string(at: span, of: head)
        }
        guard let workspace = text(members[0]).flatMap({ WorkspaceID($0) }) else { return nil }
        self.workspace = workspace
        source = text(members[1])
        sourceIdentifier = text(members[2])
        eventType = text(members[3])
    }

    private static let beforePayload = Array(#"},"payload":"#.utf8)

    private static func index(of pattern: [UInt8], in text: [UInt8]) -> Int? {
        guard text.count >= pattern.count else { return nil }
        for start in 0...(text.count - pattern.count) where text[start] == pattern[0] {
            if text[start..<(start + pattern.count)].elementsEqual(pattern) { return start }
        }
        return nil
    }
}
