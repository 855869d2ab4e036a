public import EventModel

/// Remembers the texts of short columns that repeat from row to row (tenants, types), so that reading a row makes no
/// string. Direct-mapped and of fixed size: a text that falls on another's place replaces it.
public struct TextCache: Sendable {
    private struct Place: Sendable {
        var text: String
        var tenant: TenantID?
    }

    private static let placeCount = 512
    private var places: [Place?] = Array(repeating: nil, count: placeCount)

    public init() {}

    public mutating func text(_ bytes: UnsafeRawBufferPointer) -> String {
        let index = Self.index(of: bytes)
        if let place = places[index], Self.matches(place.text, bytes) { return place.text }
        let text = String(decoding: bytes, as: UTF8.self)
        places[index] = Place(text: text, tenant: nil)
        return text
    }

    /// Nil for bytes that are no tenant's id.
    public mutating func tenant(_ bytes: UnsafeRawBufferPointer) -> TenantID? {
        let index = Self.index(of: bytes)
        if let place = places[index], let tenant = place.tenant, Self.matches(place.text, bytes) { return tenant }
        guard let tenant = TenantID(String(decoding: bytes, as: UTF8.self)) else { return nil }
        places[index] = Place(text: tenant.text, tenant: tenant)
        return tenant
    }

    /// FNV-1a.
    private static func index(of bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash >> 32) ^ hash) & (placeCount - 1)
    }

    private static func matches(_ text: String, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard text.utf8.count == bytes.count else { return false }
        return text.utf8.withContiguousStorageIfAvailable { $0.elementsEqual(bytes) } ?? text.utf8.elementsEqual(bytes)
    }
}
