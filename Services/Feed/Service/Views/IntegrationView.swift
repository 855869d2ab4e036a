internal import EventCodec
internal import EventModel
internal import Inbound
internal import Store

enum IntegrationView {
    static func write(_ record: StoredIntegration, at now: Timestamp, to json: inout JSONWriter) {
        json.member("id", record.id)
        json.member("channel", record.channel)
        json.member("name", record.name)
        json.member("active", record.isActive)
        json.member("config", raw: record.config)
        // At ingest: what the vendor is told, behind the installation's own address.
        json.member("path", path(record))
        json.member(
            "secret_sets",
            array: { json in
                for set in record.secrets(at: now) {
                    json.object { json in
                        json.member("id", set.id)
                        json.member("created_at", set.madeAt)
                        json.member("expires_at", set.until)
                    }
                }
            })
        json.member("created_at", record.createdAt)
        json.member("updated_at", record.updatedAt)
    }

    private static func path(_ record: StoredIntegration) -> String {
        switch InboundChannel(rawValue: record.channel) {
        // Both products post to the one path that seed 4 names; the tenant's secret is found by who they say they are.
        case .agentgate, .formbridge: "/api/events/ingest"
        default: "/v1/webhook/\(record.channel)/\(record.id)"
        }
    }
}
