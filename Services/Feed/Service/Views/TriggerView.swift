internal import EventCodec
internal import EventModel
internal import Store

enum TriggerView {
    static func write(_ trigger: StoredTrigger, to json: inout JSONWriter) {
        json.member("id", trigger.id)
        json.member("name", trigger.name)
        json.member("active", trigger.isActive)
        json.member("url", url(trigger))
        json.member("trigger", raw: trigger.document)
        json.member("created_at", trigger.createdAt)
        json.member("updated_at", trigger.updatedAt)
    }

    /// At ingest: behind the installation's own address. Events on the feed come without one.
    private static func url(_ trigger: StoredTrigger) -> String? {
        let source = (try? JSONValue(parsing: trigger.document))?["source"]
        if case .object? = source { return nil }
        return "/v1/webhook/generic/\(trigger.id)"
    }

    static func writeSecretSets(of door: StoredIntegration, at now: Timestamp, to json: inout JSONWriter) {
        json.member(
            "secret_sets",
            array: { json in
                for set in door.secrets(at: now) {
                    json.object { json in
                        json.member("id", set.id)
                        json.member("created_at", set.madeAt)
                        json.member("expires_at", set.until)
                    }
                }
            })
    }

    /// All of them, and the first one by itself, which is what a sender is told.
    static func write(secrets: [UInt8], to json: inout JSONWriter) {
        if case .array(let all)? = (try? JSONValue(parsing: secrets))?["secrets"], case .string(let first)? = all.first
        {
            json.member("secret", first)
        }
        json.member("secrets", raw: secrets)
    }
}
