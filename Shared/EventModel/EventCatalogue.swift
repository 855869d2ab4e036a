/// The event types that the contracts name, each with when it happens, what is notable in its `data`, and a sample.
///
/// Published data is never checked against it: it serves `/v1/event-types`, the console, and `fanfare emit TYPE`.
public enum EventCatalogue {
    public struct Entry: Sendable {
        public let type: String
        /// When such an event is published.
        public let when: String
        /// Notable members of `data`.
        public let fields: [String]
        /// A `data` object, as JSON.
        public let sample: String
        /// The contract that names it first.
        public let seed: Int

        init(_ type: String, _ when: String, _ fields: [String], _ sample: String, seed: Int) {
            self.type = type
            self.when = when
            self.fields = fields
            self.sample = sample
            self.seed = seed
        }
    }

    /// Families that belong to the contracts although they name no type of them (yet).
    public static let reservedFamilies = ["memory"]

    /// The entry of a type.
    public static func entry(_ type: String) -> Entry? { byType[type] }

    private static let byType = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })

    /// In the order of the contracts.
    public static let all: [Entry] = [
        Entry(
            "run.started", "a run begins",
            ["smith_id", "thread_id"],
            #"{"smith_id":"smt_01JXM0","thread_id":"thr_01JXM1"}"#, seed: 0),
        Entry(
            "run.paused", "a run waits for a tool result or an approval",
            ["reason", "tool_calls"],
            #"{"reason":"approval_required","tool_calls":[{"id":"call_1","tool":"send_email"}]}"#, seed: 0),
        Entry(
            "run.completed", "a run finishes",
            ["stop_reason", "usage"],
            #"{"stop_reason":"end_turn","usage":{"input_tokens":1204,"output_tokens":311}}"#, seed: 0),
        Entry(
            "run.failed", "a run errors",
            ["error"],
            #"{"error":"the model did not answer in time"}"#, seed: 0),
        Entry(
            "run.cancelled", "a run is cancelled via /submit, or an OpenAI-compatible stream is dropped",
            ["reason"],
            #"{"reason":"submitted_cancel"}"#, seed: 0),
        Entry(
            "tool.executing", "the agent invoked a server-side tool (also a live stream frame)",
            ["tool", "tool_call_id", "args"],
            #"{"tool":"search","tool_call_id":"call_1","args":{"query":"open invoices"}}"#, seed: 0),
        Entry(
            "tool.completed", "a server-side tool returned (also a live stream frame)",
            ["tool", "tool_call_id", "output"],
            #"{"tool":"search","tool_call_id":"call_1","output":{"hits":3}}"#, seed: 0),
        Entry(
            "approval.required", "a gated tool wants to run",
            ["approval_id", "tool", "args"],
            #"{"approval_id":"apr_01JXM2","tool":"send_email","args":{"to":"ada@example.com"}}"#, seed: 0),
        Entry(
            "approval.resolved", "a human decided",
            ["approval_id", "decision", "actor"],
            #"{"approval_id":"apr_01JXM2","decision":"approved","actor":"admin@example.com"}"#, seed: 0),
        Entry(
            "connection.required", "an OAuth MCP tool ran but the smith has no connection",
            ["provider", "mcp_server", "authorize_url"],
            #"{"provider":"google","mcp_server":"calendar","authorize_url":"https://auth.example.com/connect/1"}"#,
            seed: 0),
        Entry(
            "unbound_message", "a message came from an unbound sender (no smith)",
            ["kind", "sender", "text"],
            #"{"kind":"email","sender":"stranger@example.com","text":"Hello, is anybody there?"}"#, seed: 0),
        Entry(
            "message.completed", "a turn's final text is there",
            ["content", "suggested_replies"],
            #"{"content":"The invoice is paid.","suggested_replies":["Thanks","Show it to me"]}"#, seed: 0),
        Entry(
            "budget.threshold", "a budget crossed 80 % or 100 %",
            ["budget_id", "tier", "spent"],
            #"{"budget_id":"bud_01JXM3","tier":80,"spent":812.5}"#, seed: 0),
        Entry(
            "credit.exhausted", "a run was refused because the organisation's wallet is empty",
            ["organization", "balance_cents"],
            #"{"organization":"org_01JXM4","balance_cents":0}"#, seed: 0),
        Entry(
            "deployment.bound", "a deferred deployment binding completed",
            ["kind", "channel_id", "address"],
            #"{"kind":"email","channel_id":"chn_01JXM5","address":"agent@example.com"}"#, seed: 0),
        Entry(
            "deployment.inbound", "an inbound message woke the smith",
            ["kind", "channel_id", "triggered_run_id"],
            #"{"kind":"slack","channel_id":"chn_01JXM5","triggered_run_id":"run_01JXM6"}"#, seed: 0),
        Entry(
            "slack.app_provisioned", "the factory minted a Slack app for a smith",
            ["channel_id", "slack_app_id", "display_name"],
            #"{"channel_id":"chn_01JXM5","slack_app_id":"A0123456789","display_name":"Ada's agent"}"#, seed: 0),
        Entry(
            "slack.install", "an OAuth install completed",
            ["channel_id", "team_id", "slack_user_id", "scopes", "user_scopes"],
            #"{"channel_id":"chn_01JXM5","team_id":"T0123","slack_user_id":"U0123","scopes":["chat:write"],"user_scopes":[]}"#,
            seed: 0),
        Entry(
            "slack.uninstalled", "a workspace uninstalled the app",
            ["channel_id", "team_id"],
            #"{"channel_id":"chn_01JXM5","team_id":"T0123"}"#, seed: 0),
        Entry(
            "email.send_failed", "an outbound email could not be delivered",
            ["channel_id", "to", "detail"],
            #"{"channel_id":"chn_01JXM5","to":"nobody@example.com","detail":"550 no such mailbox"}"#, seed: 0),
        Entry(
            "webhook.test", "you called the test endpoint of a webhook",
            ["webhook_id", "url", "message"],
            #"{"webhook_id":"wh_01JXM7","url":"https://example.com/hook","message":"A test"}"#, seed: 0),
        Entry(
            "session.created", "a session spins up",
            ["session_id", "tenant_id", "user_id"],
            #"{"session_id":"ses_01JXM8","tenant_id":"acme","user_id":"usr_1"}"#, seed: 1),
        Entry(
            "session.finished", "an agent completes its session",
            ["session_id", "cost", "artifacts"],
            #"{"session_id":"ses_01JXM8","cost":0.42,"artifacts":["report.md"]}"#, seed: 1),
        Entry(
            "session.archived", "a session is archived",
            ["session_id"],
            #"{"session_id":"ses_01JXM8"}"#, seed: 1),
        Entry(
            "tool.called", "a tool is invoked (noisy: subscribe with care)",
            ["tool_name", "session_id", "args_hash"],
            #"{"tool_name":"search","session_id":"ses_01JXM8","args_hash":"9f86d081884c7d65"}"#, seed: 1),
        Entry(
            "tool.error", "a tool failed",
            ["tool_name", "error", "session_id"],
            #"{"tool_name":"search","error":"timeout","session_id":"ses_01JXM8"}"#, seed: 1),
        Entry(
            "agent.step", "an agent took a step (verbose tracing)",
            ["action", "confidence", "session_id"],
            #"{"action":"plan","confidence":0.93,"session_id":"ses_01JXM8"}"#, seed: 1),
        Entry(
            "review.completed", "a code review wraps up",
            ["pr_url", "report_url", "issues_found"],
            #"{"pr_url":"https://git.example.com/pr/7","report_url":"https://example.com/r/7","issues_found":2}"#,
            seed: 1),
        Entry(
            "import.completed", "an import of requirements or bugs is done",
            ["source", "count", "errors"],
            #"{"source":"tracker","count":120,"errors":0}"#, seed: 1),
        Entry(
            "cost.threshold_exceeded", "a budget is breached",
            ["tenant_id", "period", "amount"],
            #"{"tenant_id":"acme","period":"2026-06","amount":1000}"#, seed: 1),
        Entry(
            "hook.violation", "a governance hook tripped",
            ["hook", "session_id", "detail"],
            #"{"hook":"no-secrets","session_id":"ses_01JXM8","detail":"a key in the output"}"#, seed: 2),
        Entry(
            "agent.run.queued", "an event of a workspace or a trigger started a run",
            ["run_id", "chat_id", "agent_id", "role", "event_id", "inputs"],
            #"{"run_id":"run_01JXM6","chat_id":"chat_01JXM6","agent_id":"agent-7","role":"webhook.stripe.payment_succeeded","#
                + #""event_id":"evt_01JXM5","inputs":{"source":"stripe"}}"#,
            seed: 3),
        Entry(
            "approval_requested", "AgentGate: a request waits for a decision",
            ["requestId", "action", "params", "urgency"],
            #"{"requestId":"req_123","action":"send_email","params":{"to":"ada@example.com"},"urgency":"normal"}"#,
            seed: 4),
        Entry(
            "approval_granted", "AgentGate: a request was approved",
            ["requestId", "action", "decidedBy", "reason"],
            #"{"requestId":"req_123","action":"send_email","decidedBy":"admin@company.com","reason":"Approved for known recipient"}"#,
            seed: 4),
        Entry(
            "approval_denied", "AgentGate: a request was denied",
            ["requestId", "action", "decidedBy", "reason"],
            #"{"requestId":"req_123","action":"send_email","decidedBy":"admin@company.com","reason":"Unknown recipient"}"#,
            seed: 4),
        Entry(
            "approval_expired", "AgentGate: nobody decided in time",
            ["requestId", "action", "decidedBy", "reason"],
            #"{"requestId":"req_123","action":"send_email","decidedBy":"system","reason":"expired"}"#, seed: 4),
        Entry(
            "form_submitted", "FormBridge: a form was submitted",
            ["submissionId", "formId", "formName", "fieldCount"],
            #"{"submissionId":"sub_1","formId":"frm_1","formName":"Onboarding","fieldCount":12}"#, seed: 4),
        Entry(
            "form_completed", "FormBridge: a submission was completed",
            ["submissionId", "formId", "completedBy", "durationMs"],
            #"{"submissionId":"sub_1","formId":"frm_1","completedBy":"ada@example.com","durationMs":64000}"#, seed: 4),
        Entry(
            "form_expired", "FormBridge: a submission expired",
            ["submissionId", "formId", "expiredAfterMs"],
            #"{"submissionId":"sub_1","formId":"frm_1","expiredAfterMs":86400000}"#, seed: 4),
        Entry(
            "custom", "a generic source sent an event of its own",
            ["type", "data"],
            #"{"type":"deployment","data":{"version":"2.0.0"}}"#, seed: 4),
    ]
}
