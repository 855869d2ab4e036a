internal import HTTPServer

/// The version of the API, as clients may name it in `IC-Api-Version`.
enum APIVersion {
    static let header = "IC-Api-Version"
    /// All that this release knows; the newest last.
    static let known = ["2026-05-01"]

    /// The version that the request names, to be echoed.
    static func requested(_ head: RequestHead) throws(HTTPError) -> String? {
        guard let version = head.headers[header] else { return nil }
        guard known.contains(version) else {
            throw .badRequest(
                "unknown_api_version", "this server knows the version \(known.joined(separator: ", "))", param: header)
        }
        return version
    }
}
