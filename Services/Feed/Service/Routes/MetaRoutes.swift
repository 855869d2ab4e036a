internal import EventCodec
internal import HTTPServer
internal import ServiceKit

/// What a tenant may know of the installation.
struct MetaRoutes: Sendable {
    /// Where deliveries come from, for receivers' allow-lists.
    let egressCIDRs: [String]

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/v1/meta", .anyone) { _ in
                .object { json in
                    json.member("version", BuildInfo.version)
                    json.member("api_versions", APIVersion.known)
                    json.member("egress_cidrs", egressCIDRs)
                }
            }
        ]
    }
}
