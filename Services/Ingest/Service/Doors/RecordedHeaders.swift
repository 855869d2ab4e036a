internal import EventCodec
internal import HTTPServer

/// The headers of an inbound request that go on record: lower-cased, without what is secret (`contracts.md` §8). Works on
/// bytes: every request at every door pays for it.
enum RecordedHeaders {
    private static let secret: Set<[UInt8]> = Set(
        ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"].map {
            Array($0.utf8)
        })
    private static let telling = ["token", "signature", "secret"].map { Array($0.utf8) }

    /// - Parameter name: In lower case.
    static func isRecorded(_ name: ArraySlice<UInt8>) -> Bool {
        !telling.contains { contains(name, $0) } && !secret.contains(Array(name))
    }

    private static func contains(_ name: ArraySlice<UInt8>, _ word: [UInt8]) -> Bool {
        guard name.count >= word.count else { return false }
        for start in name.startIndex...(name.endIndex - word.count) where name[start] == word[0] {
            if name[start..<start + word.count].elementsEqual(word) { return true }
        }
        return false
    }

    /// Writes them as members; a name that came several times has its values joined by `, ` (RFC 9110 §5.3).
    static func write(_ headers: RequestHeaders, to writer: inout JSONWriter) {
        let fields = headers.slices
        for (place, field) in fields.enumerated() where isRecorded(field.name) {
            if fields[..<place].contains(where: { $0.name == field.name }) { continue }
            writer.key(dynamic: String(decoding: field.name, as: UTF8.self))
            var value = String(decoding: field.value, as: UTF8.self)
            for later in fields[(place + 1)...] where later.name == field.name {
                value += ", " + String(decoding: later.value, as: UTF8.self)
            }
            writer.string(value)
        }
    }
}
