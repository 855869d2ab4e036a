import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// Bulk work over the feed and over dead letters, on whole installations.
    @Suite struct JobTests {
        /// POSTs of one endpoint that are under way at a time, and what a cursor settles between two recordings at the rate
        /// of the test.
        private static let repeats = 64 + 100

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a replay to a webhook made afterwards skips nothing over kill -9 of the worker`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let load = LoadWriter(installation, count: 400, type: "history.item", name: "history")
            try await load.run()
            // What is stored after the webhook was made would be matched by it.
            try await installation.waitForEnds([], feedHas: load.acknowledged)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["history"])
            let body = #""action":"replay","webhook_id":"\#(webhook.id)","types":["history"]"#
            let trial = try await installation.request("POST", "/v1/tenant/jobs", "{\(body),\"dry_run\":true}")
            #expect(try JSONValue(parsing: trial.body)["matched"] == .number(JSONNumber(400)))
            let job = try await installation.startJob(body + #","rate_per_s":100"#)
            _ = await receiver.requests.first(80)
            try await installation.kill(.delivery)
            try await installation.up()
            _ = await receiver.requests.first(200)
            try await installation.kill(.delivery)
            try await installation.up()
            let done = try await installation.jobEnd(job)
            #expect(done["state"] == .string("done"))
            let events = receiver.requests.values.compactMap { $0.header("X-IC-Event-Id") }
            #expect(Set(events) == Set(load.acknowledged.map(\.event)))
            #expect(
                try await installation.findings(
                    [webhook], acknowledged: load.acknowledged,
                    allowing: .init(duplicates: 2 * Self.repeats, unaudited: 2 * Self.repeats)) == [])
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a redrive job empties the dead letters, each event once, and a cancelled replay stops`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let healed = TestCollector<Bool>()
            let receiver = try TestReceiver { _ in healed.values.isEmpty ? [.answer(500)] : [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["bulk"], #""schedule":[0]"#)
            let load = LoadWriter(installation, count: 40, type: "bulk.item", name: "bulk")
            try await load.run()
            try await eventually("all of them are dead letters") {
                try await installation.letters("webhook_id=\(webhook.id)&limit=100").count == 40
            }
            healed.append(true)
            let redrive = try await installation.startJob(#""action":"redrive","webhook_id":"\#(webhook.id)""#)
            let done = try await installation.jobEnd(redrive)
            #expect(done["delivered"] == .number(JSONNumber(40)))
            #expect(try await installation.letters("webhook_id=\(webhook.id)") == [])
            #expect(try await installation.letters("webhook_id=\(webhook.id)&state=redriven&limit=100").count == 40)
            let again = receiver.requests.values.dropFirst(40).compactMap { $0.header("X-IC-Event-Id") }
            #expect(again.sorted() == load.acknowledged.map(\.event).sorted())

            let replay = try await installation.startJob(
                #""action":"replay","webhook_id":"\#(webhook.id)","types":["bulk"],"rate_per_s":2"#)
            _ = await receiver.requests.first(83)
            let cancelled = try await installation.request("POST", "/v1/tenant/jobs/\(replay)/cancel")
            #expect(try installation.string("state", of: cancelled) == "cancelled")
            // What is published now comes beside what was still under way, and soon.
            let live = try await installation.publish("bulk.live")
            try await eventually("the live one is delivered") {
                receiver.requests.values.contains { $0.header("X-IC-Event-Id") == live }
            }
            #expect(receiver.requests.values.count < 115)
            #expect(
                try await installation.findings([webhook], acknowledged: load.acknowledged + [.init(event: live)]) == []
            )
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a resend job sends what was not acknowledged and nothing else`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["missed"])
            let hook = "/v1/tenant/webhooks/\(webhook.id)"
            var acknowledged: [String] = []
            for _ in 0..<5 { acknowledged.append(try await installation.publish("missed.a")) }
            #expect(
                try await installation.findings([webhook], acknowledged: acknowledged.map { .init(event: $0) }) == [])
            #expect(try await installation.request("PATCH", hook, #"{"active":false}"#).status == 200)
            var missed: [String] = []
            for _ in 0..<7 { missed.append(try await installation.publish("missed.b")) }
            try await eventually("the last one is on the feed") {
                try await installation.request("GET", "/v1/events/\(missed[6])").status == 200
            }
            #expect(try await installation.request("PATCH", hook, #"{"active":true}"#).status == 200)
            let job = try await installation.startJob(#""action":"resend","webhook_id":"\#(webhook.id)""#)
            let done = try await installation.jobEnd(job)
            #expect(done["state"] == .string("done"))
            #expect(done["delivered"] == .number(JSONNumber(7)))
            let events = receiver.requests.values.compactMap { $0.header("X-IC-Event-Id") }
            #expect(events.sorted() == (acknowledged + missed).sorted())
            try await installation.delete(webhook)
        }
    }
}

extension Installation {
    /// Starts a job; answers its id.
    func startJob(_ members: String) async throws -> String {
        let answer = try await request("POST", "/v1/tenant/jobs", "{\(members)}")
        guard answer.status == 202 else {
            throw EndToEndError(description: "starting a job: \(answer.status) \(answer.text)")
        }
        return try string("id", of: answer)
    }

    /// The job when it runs no more.
    func jobEnd(_ id: String, within limit: Duration = .seconds(60)) async throws -> JSONValue {
        try await eventually("job \(id) has ended", within: limit) {
            let answer = try await request("GET", "/v1/tenant/jobs/\(id)")
            return try string("state", of: answer) != "running"
        }
        return try JSONValue(parsing: try await request("GET", "/v1/tenant/jobs/\(id)").body)
    }
}
