internal import Encodings
public import EventModel

/// Makes an event's envelope (seed 0, `contracts.md` §3): `{v,id,type,created_at,tenant_id,smith_id,data}`, all seven keys
/// in this order, no white space, `data` byte for byte as it was published.
///
/// The bytes are made once, at ingest, and are the same ever after: in the feed, in webhooks, in dead letters. Signatures
/// are over them.
public enum EnvelopeWriter {
    /// - Parameter data: One JSON value that has been checked; it is not looked at again.
    /// - Returns: The envelope, in one allocation.
    public static func write(
        id: EventID, type: EventType, createdAt: Timestamp, tenant: TenantID, smith: SmithID?, data: Span<UInt8>
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(capacity(type, tenant, smith, dataCount: data.count))
        bytes.append(ascii: #"{"v":1,"id":""#)
        id.write(to: &bytes)
        bytes.append(ascii: #"","type":""#)
        bytes.append(contentsOf: type.text.utf8)
        bytes.append(ascii: #"","created_at":""#)
        RFC3339.append(createdAt, to: &bytes)
        bytes.append(ascii: #"","tenant_id":""#)
        bytes.append(contentsOf: tenant.text.utf8)
        bytes.append(ascii: #"","smith_id":"#)
        if let smith {
            JSONText.append(smith.text, to: &bytes)
        } else {
            bytes.append(ascii: "null")
        }
        bytes.append(ascii: #","data":"#)
        data.withUnsafeBytes { bytes.append(contentsOf: $0) }
        bytes.append(0x7D)
        return bytes
    }

    public static func write(
        id: EventID, type: EventType, createdAt: Timestamp, tenant: TenantID, smith: SmithID?, data: [UInt8]
    ) -> [UInt8] {
        write(id: id, type: type, createdAt: createdAt, tenant: tenant, smith: smith, data: data.span)
    }

    /// Keys, quotes, id and time, which are always as long.
    private static let fixedCount = 128

    /// Enough for the envelope: a smith's name grows by at most a backslash a character.
    private static func capacity(_ type: EventType, _ tenant: TenantID, _ smith: SmithID?, dataCount: Int) -> Int {
        fixedCount + type.text.utf8.count + tenant.text.utf8.count + (smith?.text.utf8.count ?? 0) * 2 + dataCount
    }
}
