internal import Crypto
internal import Encodings
internal import Endpoints
internal import EventCodec
internal import EventModel
internal import Store

/// What a request says of the things that few webhooks have, checked and sealed.
struct WebhookEquipmentFields: Sendable {
    let secrets: SecretBox
    /// What the names of our own headers begin with.
    let headerPrefix: String

    /// - Parameters:
    ///   - hasSigningKey: Whether there is a key already: it stays.
    ///   - isNew: Whether the request makes the webhook.
    func change(
        _ fields: JSONFields, for id: EndpointID, hasSigningKey: Bool, isNew: Bool, now: Timestamp
    ) throws(JSONFieldError) -> EquipmentChange {
        var change = EquipmentChange()
        if fields.presence("headers") != .absent { change.headers = .some(try headers(fields, id)) }
        if fields.presence("client_certificate") != .absent {
            change.identity = .some(try identity(fields, id, now: now))
        }
        if fields.presence("ca_bundle") != .absent {
            let authorities = try fields.optionalString("ca_bundle").map { text throws(JSONFieldError) in
                let bundle = try ClientIdentity.authorities(text, now: now.seconds)
                return EquipmentChange.Authorities(pem: bundle.pem, notAfter: bundle.notAfter)
            }
            change.authorities = .some(authorities)
        }
        switch try fields.optionalBool("v1a") {
        case true? where !hasSigningKey: change.signingKey = .some(try signingKey(id))
        case false? where hasSigningKey: change.signingKey = .some(nil)
        default: break
        }
        if isNew, try fields.optionalBool("verify") == true { change.isToBeVerified = true }
        // Nothing to take away from what is being made.
        if isNew {
            if case .some(.none) = change.headers { change.headers = nil }
            if case .some(.none) = change.identity { change.identity = nil }
            if case .some(.none) = change.authorities { change.authorities = nil }
        }
        return change
    }

    private func headers(_ fields: JSONFields, _ id: EndpointID) throws(JSONFieldError) -> EquipmentChange.Headers? {
        guard let value = fields.value("headers") else { return nil }
        let headers = try CustomHeaders(value, prefix: headerPrefix)
        guard !headers.names.isEmpty else { return nil }
        return EquipmentChange.Headers(
            sealed: secrets.seal(headers.json, context: EndpointEquipment.Piece.headers.context(id)),
            names: headers.names)
    }

    private func identity(
        _ fields: JSONFields, _ id: EndpointID, now: Timestamp
    ) throws(JSONFieldError) -> EquipmentChange.Identity? {
        guard let given = try fields.optionalFields("client_certificate") else { return nil }
        let checked = try ClientIdentity.check(given, now: now.seconds)
        return EquipmentChange.Identity(
            sealed: secrets.seal(checked.json, context: EndpointEquipment.Piece.identity.context(id)),
            subject: checked.subject, notAfter: checked.notAfter)
    }

    private func signingKey(_ id: EndpointID) throws(JSONFieldError) -> EquipmentChange.SigningKey {
        let seed = SecureRandom.bytes(Ed25519.seedByteCount)
        do throws(CryptoError) {
            return EquipmentChange.SigningKey(
                sealed: secrets.seal(seed, context: EndpointEquipment.Piece.signingKey.context(id)),
                publicKey: "whpk_" + Base64.encode(try Ed25519.publicKey(seed: seed)))
        } catch {
            preconditionFailure("a seed of ours has the right length: \(error)")
        }
    }
}
