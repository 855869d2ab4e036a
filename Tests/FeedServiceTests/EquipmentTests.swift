internal import EventCodec
internal import EventModel
internal import Store
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Credentials, header lines and asymmetric signatures of webhooks.
@Suite(.timeLimit(.minutes(5))) struct EquipmentTests {
    private let path = "/v1/tenant/webhooks"

    private func text(_ bytes: [UInt8]) -> String {
        var json = JSONWriter()
        json.string(String(decoding: bytes, as: UTF8.self))
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func `what is secret of it is never given back, and each change reaches the workers`() async throws {
        let certificates = try await TestCertificates.make()
        try await withFeed { fixture in
            let (certificate, key) = (text(certificates.client.certificate), text(certificates.client.key))
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin,
                """
                {"url":"https://example.com/","headers":{"X-Team":"a","Authorization":"Bearer topsecret"},
                "client_certificate":{"certificate":\(certificate),"key":\(key)},"ca_bundle":\(text(certificates.authority)),
                "v1a":true}
                """)
            #expect(made.status == 201, "\(String(decoding: made.raw.body, as: UTF8.self))")
            let id = try #require(EndpointID(made.json["id"]?.text ?? ""))
            for answer in [made, try await fixture.call("GET", "\(path)/\(id)", as: fixture.acme.admin)] {
                let body = String(decoding: answer.raw.body, as: UTF8.self)
                #expect(!body.contains("topsecret") && !body.contains("BEGIN"))
                #expect(answer.json["header_names"]?.elements.map(\.text) == ["Authorization", "X-Team"])
                #expect(answer.json["client_certificate"]?["subject"]?.text == "CN=client")
                #expect(answer.json["client_certificate"]?["expires_at"]?.text != nil)
                #expect(answer.json["ca_bundle"]?["expires_at"]?.text != nil)
                #expect(answer.json["v1a"]?.bool == true)
                #expect(answer.json["public_key"]?.text?.hasPrefix("whpk_") == true)
            }
            let health = try await fixture.call("GET", "\(path)/\(id)/health", as: fixture.acme.admin)
            #expect(health.json["client_certificate"]?["expires_at"]?.text != nil)
            func equipment() async throws -> String {
                try await RevisionStore(pool: fixture.pool).changes(since: 0).revisions.last?.equipment ?? ""
            }
            let stored = try await equipment()
            #expect(!stored.contains("topsecret") && !stored.contains("PRIVATE"))
            for member in ["headers", "identity", "identity_until", "authorities", "v1a"] {
                #expect(stored.contains("\"\(member)\""))
            }
            // The key stays while it is asked for again.
            let same = try await fixture.call(
                "PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"v1a":true,"description":"d"}"#)
            #expect(same.json["public_key"]?.text == made.json["public_key"]?.text)
            #expect(same.json["description"]?.text == "d")
            let plain = try await fixture.call(
                "PATCH", "\(path)/\(id)", as: fixture.acme.admin,
                #"{"headers":null,"client_certificate":null,"ca_bundle":null,"v1a":false,"timeout_s":5}"#)
            #expect(plain.status == 200)
            #expect(plain.json["header_names"]?.elements.isEmpty == true)
            #expect(plain.json["client_certificate"] == .null && plain.json["ca_bundle"] == .null)
            #expect(plain.json["public_key"] == .null)
            #expect(plain.json["timeout_s"]?.int == 5)
            #expect(try await equipment().isEmpty)
            let again = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"v1a":true}"#)
            #expect(again.json["public_key"]?.text != made.json["public_key"]?.text)
        }
    }

    @Test func `a plain webhook has nothing of it`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin,
                #"{"url":"https://example.com/","headers":{},"client_certificate":null,"ca_bundle":null,"v1a":false}"#)
            #expect(made.status == 201)
            let revisions = try await RevisionStore(pool: fixture.pool).changes(since: 0).revisions
            #expect(revisions.map(\.equipment) == [nil])
        }
    }

    @Test func `what does not fit together is refused with the field's name`() async throws {
        let made = try await TestCertificates.make()
        let (certificate, key, stray) = (text(made.client.certificate), text(made.client.key), text(made.strayKey))
        let expired = text(Array(TestFolders.text(of: made.expired.certificateFile).utf8))
        let expiredKey = text(Array(TestFolders.text(of: made.expired.keyFile).utf8))
        try await withFeed { fixture in
            for (member, param) in [
                (#""client_certificate":{"certificate":\#(certificate),"key":\#(stray)}"#, "client_certificate.key"),
                (#""client_certificate":{"certificate":\#(certificate),"key":"x"}"#, "client_certificate.key"),
                (#""client_certificate":{"certificate":"x","key":\#(key)}"#, "client_certificate.certificate"),
                (#""client_certificate":{"certificate":\#(certificate)}"#, "client_certificate.key"),
                (
                    #""client_certificate":{"certificate":\#(expired),"key":\#(expiredKey)}"#,
                    "client_certificate.certificate"
                ),
                (#""client_certificate":"x""#, "client_certificate"),
                (#""ca_bundle":"x""#, "ca_bundle"), (#""ca_bundle":\#(expired)"#, "ca_bundle"),
                (#""headers":{"Host":"x"}"#, "headers.Host"), (#""v1a":"yes""#, "v1a"), (#""verify":1"#, "verify"),
            ] {
                let answer = try await fixture.call(
                    "POST", path, as: fixture.acme.admin, #"{"url":"https://example.com/",\#(member)}"#)
                #expect(answer.status == 400, "\(member.prefix(60))")
                #expect(answer.json["error"]?["param"]?.text == param)
                #expect(!String(decoding: answer.raw.body, as: UTF8.self).contains("PRIVATE"))
            }
            #expect(try await fixture.call("GET", path, as: fixture.acme.admin).json.ids.isEmpty)
        }
    }
}
