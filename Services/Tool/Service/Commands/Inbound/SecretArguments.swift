internal import EventCodec
internal import Inbound

/// Secrets as a command line gives them: `NAME=VALUE`, or the value alone where a channel has one that matters.
struct SecretArguments {
    /// The object of a request; nil where none is given.
    let json: [UInt8]?

    /// - Parameter kind: What they are for; nil where only the server knows: then each has its name.
    /// - Throws: `usage`.
    init(_ texts: [String], kind: InboundKind?) throws(ToolError) {
        guard !texts.isEmpty else {
            json = nil
            return
        }
        var values: [(name: String, values: [String])] = []
        for text in texts {
            let (name, value) = try Self.split(text, kind)
            if let place = values.firstIndex(where: { $0.name == name }) {
                values[place].values.append(value)
            } else {
                values.append((name, [value]))
            }
        }
        var writer = JSONWriter()
        writer.object { json in
            for (name, values) in values {
                json.key(dynamic: name)
                if name == "basic" {
                    Self.writeBasic(values[0], to: &json)
                } else if Self.lists.contains(name) || values.count > 1 {
                    json.array { json in for value in values { json.string(value) } }
                } else {
                    json.string(values[0])
                }
            }
        }
        json = writer.bytes
    }

    private static let lists: Set = ["webhook_secrets", "signing_tokens", "secrets"]

    /// `user:password`
    private static func writeBasic(_ text: String, to json: inout JSONWriter) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        json.object { json in
            json.member("user", String(parts[0]))
            json.member("password", parts.count > 1 ? String(parts[1]) : "")
        }
    }

    private static func split(_ text: String, _ kind: InboundKind?) throws(ToolError) -> (String, String) {
        if let equals = text.firstIndex(of: "=") {
            let name = String(text[..<equals])
            // A base64 text ends in `=` too, but what stands before that is no secret's name.
            if kind.map({ InboundSecrets.names(of: $0).contains(name) }) ?? true {
                return (name, String(text[text.index(after: equals)...]))
            }
        }
        guard let kind, let name = usual(kind, text) else {
            let names = kind.map { InboundSecrets.names(of: $0).sorted().joined(separator: ", ") }
            throw ToolError(.usage, "--secret is NAME=VALUE\(names.map { "; there are: \($0)" } ?? "")")
        }
        return (name, text)
    }

    /// The one that most people mean.
    private static func usual(_ kind: InboundKind, _ text: String) -> String? {
        switch kind {
        case .channel(.github): "webhook_secrets"
        case .channel(.gitlab): text.hasPrefix("whsec_") ? "signing_tokens" : "secret_token"
        case .channel(.gitee): "secret"
        case .channel(.gerrit): "url_token"
        case .channel(.lark): "encrypt_key"
        case .channel(.wecom): nil
        case .channel(.agentgate), .channel(.formbridge), .preset: "secrets"
        }
    }
}
