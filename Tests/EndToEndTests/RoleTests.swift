import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// Seed 3: an event at a workspace's door starts the run of whoever plays its role, and both views show it.
    @Suite struct RoleTests {
        private static let role = "webhook.stripe.payment_succeeded"

        private func give(_ role: String, to agent: String, _ installation: Installation) async throws {
            let path = "/v1/workspaces/\(installation.status.workspace)/roles/\(role)"
            let answer = try await installation.request("PUT", path, #"{"agent_id":"\#(agent)"}"#)
            guard [200, 201].contains(answer.status) else {
                throw EndToEndError(description: "giving a role: \(answer.status) \(answer.text)")
            }
        }

        private func knock(
            _ installation: Installation, _ query: String, _ body: String, key: String? = nil
        ) async throws {
            let answer = try await installation.request(
                "POST", "/api/v1/webhooks/generic/\(installation.status.workspace)?\(query)", body,
                headers: key.map { [("x-webhook-id", $0)] } ?? [])
            guard answer.status == 202, answer.text == #"{"accepted":true}"# else {
                throw EndToEndError(description: "the door answered \(answer.status) \(answer.text)")
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a payment starts the agent's run, once, and everybody can see it`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["agent.run.queued"])
            try await give(Self.role, to: "agent-7", installation)
            let body = #"{"id":"pi_1", "amount":12.50,"note":"\u0000","n":[],"n":1}"#
            for _ in 0..<2 {
                try await knock(installation, "source=stripe&event_type=payment.succeeded", body, key: "once")
            }
            try await knock(installation, "source=stripe&event_type=refund", body)

            let request = try #require(await receiver.requests.first(1).first)
            let data = try #require(try JSONValue(parsing: request.body)["data"])
            #expect(data["agent_id"] == .string("agent-7"))
            #expect(data["role"] == .string(Self.role))
            guard case .string(let run)? = data["run_id"], case .string(let event)? = data["event_id"] else {
                throw EndToEndError(description: "a run without ids: \(String(decoding: request.body, as: UTF8.self))")
            }

            let inbox = try await installation.rows(
                of: """
                    select workspace_id, source_kind, event_type, dedupe_key, payload::text as bytes
                    from infonchat.event_inbox where id = '\(event)'
                    """)
            #expect(inbox.count == 1)
            #expect(inbox[0]["workspace_id"] == .string(installation.status.workspace))
            #expect(inbox[0]["source_kind"] == .string("webhook.stripe"))
            #expect(inbox[0]["event_type"] == .string("payment.succeeded"))
            #expect(inbox[0]["dedupe_key"] == .string("once"))
            #expect(inbox[0]["bytes"] == .string(body))
            let outbox = try await installation.rows(
                of: "select * from infonchat.event_outbox where event_id = '\(event)'")
            #expect(outbox.map { $0["id"] } == [.string(run)])
            #expect(outbox.first?["topic"] == .string("agent.runs"))
            #expect(outbox.first?["agent_id"] == .string("agent-7"))

            let path = "/v1/tenant/agent-runs/\(run)"
            let report = try await installation.request("PATCH", path, #"{"state":"succeeded","result":{"ok":true}}"#)
            #expect(report.status == 200, "\(report.text)")
            let list = try await installation.request("GET", "/v1/tenant/agent-runs?event_id=\(event)")
            let runs = try JSONValue(parsing: list.body)["data"]
            guard case .array(let entries)? = runs else { throw EndToEndError(description: list.text) }
            #expect(entries.count == 1)
            #expect(entries[0]["state"] == .string("succeeded"))
            #expect(entries[0]["chat_id"] == data["chat_id"])
            #expect(receiver.requests.values.count == 1)
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `kill -9 of the matcher starts no run twice and forgets none`(backbone: TestBackbone) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let role = "webhook.battered.item"
            try await give(role, to: "agent-9", installation)
            let count = 120
            for number in 0..<count {
                try await knock(installation, "source=battered&event_type=item", #"{"n":\#(number)}"#)
                if number % 40 == 20 {
                    try await installation.kill(.matcher)
                    try await installation.up()
                }
            }
            func number(_ sql: String) async throws -> Int64 {
                guard case .number(let number)? = try await installation.rows(of: sql).first?["n"] else { return -1 }
                return number.int ?? -1
            }
            try await eventually("every run is announced") {
                try await number(
                    "select count(*) as n from fanfare.agent_runs where role = '\(role)' and announced_at is not null")
                    == Int64(count)
            }
            #expect(
                try await number("select count(*) as n from fanfare.agent_runs where role = '\(role)'") == Int64(count))
            #expect(
                try await number(
                    """
                    select count(*) as n from fanfare.events
                    where type = 'agent.run.queued' and position('"\(role)"'::bytea in envelope) > 0
                    """) == Int64(count))
            #expect(
                try await number(
                    """
                    select count(distinct event_id) as n from infonchat.event_outbox where role = '\(role)'
                    """) == Int64(count))
        }
    }
}
