internal import EventCodec
internal import HTTPServer

/// The headers of an inbound request that go on record: lower-cased, without what is secret (`contracts.md` §8).
enum RecordedHeaders {
    private static let secret: Set<String> = [
        "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token", "x-gitlab-token",
        "x-gitee-token", "x-csrf-token",
    ]

    static func isRecorded(_ name: String) -> Bool {
        !secret.contains(name) && !name.contains("token") && !name.contains("signature") && !name.contains("secret")
    }

    /// Writes them as members; a name that came several times has its values joined by `, ` (RFC 9110 §5.3).
    static func write(_ headers: RequestHeaders, to writer: inout JSONWriter) {
        var names: [String] = []
        var values: [String: String] = [:]
        for (name, value) in headers.all {
            let name = name.lowercased()
            guard isRecorded(name) else { continue }
            if let earlier = values[name] {
                values[name] = "\(earlier), \(value)"
            } else {
                names.append(name)
                values[name] = value
            }
        }
        for name in names {
            writer.key(dynamic: name)
            writer.string(values[name] ?? "")
        }
    }
}
