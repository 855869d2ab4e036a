internal import EventCodec
internal import EventModel
internal import Store
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Activating a webhook again: at now, or where it stopped.
@Suite(.timeLimit(.minutes(5))) struct ResumptionTests {
    private let path = "/v1/tenant/webhooks"

    @Test func `what a webhook missed is replayed where that is asked for`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme)
            try await fixture.append(2, to: fixture.acme)
            func patch(_ body: String) async throws -> FeedFixture.Answer {
                try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body)
            }
            _ = try await patch(#"{"active":false}"#)
            try await fixture.append(3, to: fixture.acme)
            // A change meanwhile changes nothing of where it stopped.
            _ = try await patch(#"{"timeout_s":5}"#)
            let resumed = try await patch(#"{"active":true,"resume":"stopped"}"#)
            #expect(resumed.status == 200)
            #expect(resumed.json["status"]?.text == "active")
            let job = try #require(resumed.json["resume_job"]?.text)
            try await fixture.append(4, to: fixture.acme)
            let found = try await fixture.call("GET", "/v1/tenant/jobs/\(job)", as: fixture.acme.admin)
            #expect(found.json["action"]?.text == "replay")
            #expect(found.json["webhook_id"]?.text == id.description)
            #expect(found.json["matched"]?.int == 3)
            let cursors = try await CursorStore(fixture.pool).summary(cause: .request(job))
            #expect(cursors.cursors == 1 && cursors.pos == 2 && cursors.until == 5)
            // It is active: there is nothing to resume.
            let again = try await patch(#"{"active":true,"resume":"stopped"}"#)
            #expect(again.status == 200)
            #expect(again.json["resume_job"] == .null)
        }
    }

    @Test func `without it the webhook goes on at now`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme)
            _ = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"active":false}"#)
            try await fixture.append(3, to: fixture.acme)
            for body in [#"{"active":true}"#, #"{"active":true,"resume":"now"}"#] {
                let answer = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body)
                #expect(answer.json["resume_job"] == nil)
            }
            for body in [
                #"{"resume":"stopped"}"#, #"{"active":false,"resume":"now"}"#, #"{"active":true,"resume":"x"}"#,
            ] {
                let answer = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body)
                #expect(answer.json["error"]?["param"]?.text == "resume")
            }
            #expect(try await fixture.call("GET", "/v1/tenant/jobs", as: fixture.acme.admin).json.ids.isEmpty)
        }
    }
}
