public import EventModel

/// What an envelope says about its event, read back from the bytes.
public struct Envelope: Hashable, Sendable {
    public var id: EventID
    public var type: EventType
    public var createdAt: Timestamp
    public var tenant: TenantID
    public var smith: SmithID?
    /// Where `data` lies in the bytes.
    public var data: Range<Int>
}

/// Why bytes are no envelope.
public enum EnvelopeError: Error, Hashable, Sendable {
    case malformed(JSONError)
    /// A key is absent or holds what an envelope never holds.
    case invalid(field: String)
}

extension Envelope {
    private static let keys: [StaticString] = ["v", "id", "type", "created_at", "tenant_id", "smith_id", "data"]

    /// Reads an envelope, ours or a later version's: keys that we do not know are passed over, the seven must be there.
    public init(reading bytes: [UInt8]) throws(EnvelopeError) {
        let spans: [JSONSpan?]
        do throws(JSONError) {
            spans = try JSONScanner.members(of: bytes, keys: Self.keys)
        } catch {
            throw .malformed(error)
        }
        let field = { (index: Int) throws(EnvelopeError) -> JSONSpan in
            guard let span = spans[index] else { throw .invalid(field: "\(Self.keys[index])") }
            return span
        }
        let text = { (index: Int) throws(EnvelopeError) -> String in
            let span = try field(index)
            guard span.kind == .string else { throw .invalid(field: "\(Self.keys[index])") }
            return JSONText.string(at: span, of: bytes)
        }
        guard bytes[try field(0).range].elementsEqual("1".utf8) else { throw .invalid(field: "v") }
        guard let id = EventID(try text(1)) else { throw .invalid(field: "id") }
        guard let type = EventType(try text(2)) else { throw .invalid(field: "type") }
        guard let createdAt = RFC3339.parse(try text(3)) else { throw .invalid(field: "created_at") }
        guard let tenant = TenantID(try text(4)) else { throw .invalid(field: "tenant_id") }
        var smith: SmithID?
        if try field(5).kind != .null {
            smith = SmithID(try text(5))
            guard smith != nil else { throw .invalid(field: "smith_id") }
        }
        self.init(
            id: id, type: type, createdAt: createdAt, tenant: tenant, smith: smith, data: try field(6).range)
    }
}
