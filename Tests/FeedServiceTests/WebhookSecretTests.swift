internal import EventCodec
internal import EventModel
internal import Store
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Rotating and promoting the secrets of a webhook.
@Suite(.timeLimit(.minutes(5))) struct WebhookSecretTests {
    private let path = "/v1/tenant/webhooks"

    @Test func `a rotation shows the new secret once, and what signs what until when`() async throws {
        let clock = ManualClock(start: SystemClock().now())
        try await withFeed(clock: clock) { fixture in
            let id = try await fixture.webhook(fixture.acme)
            func states() async throws -> [[String]] {
                let answer = try await fixture.call("GET", "\(path)/\(id)/secrets", as: fixture.acme.admin)
                #expect(answer.status == 200)
                #expect(!String(decoding: answer.raw.body, as: UTF8.self).contains("whsec_"))
                return (answer.json["data"]?.elements ?? []).map { entry in
                    [entry["state"]?.text ?? ""] + (entry["signs"]?.elements ?? []).compactMap(\.text)
                }
            }
            let (both, standard) = (
                ["webhook-signature", "X-IC-Signature"], ["webhook-signature"]
            )
            #expect(try await states() == [["current"] + both])
            let rotated = try await fixture.call(
                "POST", "\(path)/\(id)/rotate", as: fixture.acme.admin, #"{"secret":"correct horse battery"}"#)
            #expect(rotated.status == 200)
            #expect(rotated.json["secret"]?.text == "correct horse battery")
            #expect(try await states() == [["current"] + standard, ["previous"] + both])
            clock.advance(by: .seconds(3_600))
            let listed = try await fixture.call("GET", "\(path)/\(id)/secrets", as: fixture.acme.admin)
            #expect(listed.json["data"]?.elements.first?["age_s"]?.int == 3_600)
            #expect(listed.json["data"]?.elements.first?["expires_at"]?.text == nil)
            #expect(listed.json["data"]?.elements.last?["expires_at"]?.text != nil)
            #expect(try await fixture.revisions(id).count == 2)
            for _ in 0..<2 {
                let promoted = try await fixture.call("POST", "\(path)/\(id)/promote", as: fixture.acme.admin)
                #expect(promoted.status == 200)
                #expect(promoted.json["secret"] == nil)
            }
            #expect(try await fixture.revisions(id).count == 3, "the second promotion changed nothing")
            #expect(try await states() == [["current"] + both, ["previous"] + standard])
            clock.advance(by: .seconds(7 * 86_400))
            #expect(try await states() == [["current"] + both, ["expired"]])
            let made = try await fixture.call(
                "POST", "\(path)/\(id)/rotate", as: fixture.acme.admin, #"{"overlap_s":0}"#)
            #expect(made.json["secret"]?.text?.hasPrefix("whsec_") == true)
            #expect(try await states() == [["current"] + both])
        }
    }

    @Test func `what a rotation must not be is refused`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme)
            for (body, param) in [
                (#"{"overlap_s":-1}"#, "overlap_s"), (#"{"overlap_s":2592001}"#, "overlap_s"),
                (#"{"secret":"short"}"#, "secret"), (#"{"overlap":7}"#, "overlap"),
            ] {
                let answer = try await fixture.call("POST", "\(path)/\(id)/rotate", as: fixture.acme.admin, body)
                #expect(answer.status == 400)
                #expect(answer.json["error"]?["param"]?.text == param)
            }
            for (method, end) in [("POST", "rotate"), ("POST", "promote"), ("GET", "secrets")] {
                #expect(try await fixture.call(method, "\(path)/\(id)/\(end)", as: fixture.other.admin).status == 404)
                #expect(try await fixture.call(method, "\(path)/\(id)/\(end)", as: fixture.acme.reader).status == 403)
            }
            for _ in 0..<3 {
                #expect(try await fixture.call("POST", "\(path)/\(id)/rotate", as: fixture.acme.admin).status == 200)
            }
            let fifth = try await fixture.call("POST", "\(path)/\(id)/rotate", as: fixture.acme.admin)
            #expect(fifth.status == 409)
            #expect(fifth.json.errorCode == "too_many_secrets")
            let revoked = try await fixture.call(
                "POST", "\(path)/\(id)/rotate", as: fixture.acme.admin, #"{"overlap_s":0}"#)
            #expect(revoked.json["data"]?.elements.count == 1)
        }
    }
}
