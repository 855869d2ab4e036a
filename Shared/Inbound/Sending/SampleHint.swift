internal import EventCodec

/// What a sample's body says of its event where its sender would say it in a header.
struct SampleHint {
    private let members: ProductMembers?

    init(_ body: [UInt8]) {
        members = try? ProductMembers(
            of: body,
            keys: ["zen", "pull_request", "issue", "commits", "release", "object_kind", "event_name", "hook_name"])
    }

    private func has(_ key: String) -> Bool { members?.value(key) != nil }

    /// `X-GitHub-Event`
    var github: String {
        if has("zen") { return "ping" }
        if has("pull_request") { return "pull_request" }
        if has("issue") { return "issues" }
        if has("release") { return "release" }
        return "push"
    }

    /// `X-Gitlab-Event`
    var gitlab: String {
        guard let kind = members?.string("object_kind") else {
            return has("event_name") ? "System Hook" : "Push Hook"
        }
        return Self.hook(kind)
    }

    /// `X-Gitee-Event`
    var gitee: String {
        let name = members?.string("hook_name") ?? "push_hooks"
        return Self.hook(name.hasSuffix("_hooks") ? String(name.dropLast(6)) : name)
    }

    /// `merge_request` → `Merge Request Hook`
    private static func hook(_ name: String) -> String {
        let words = name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return (words + ["Hook"]).joined(separator: " ")
    }

    /// A Lark event with the token where its version has it.
    ///
    /// Nil for what is no JSON object.
    static func larkBody(_ body: [UInt8], token: String) -> [UInt8]? {
        guard case .object(var members) = try? JSONValue(parsing: body, limits: JSONLimits()) else { return nil }
        let place = members.firstIndex { $0.key == "header" }
        if let place, case .object(var header) = members[place].value {
            set("token", token, in: &header)
            members[place].value = .object(header)
        } else {
            set("token", token, in: &members)
        }
        return JSONValue.object(members).bytes
    }

    private static func set(_ key: String, _ text: String, in members: inout [JSONValue.Member]) {
        if let place = members.firstIndex(where: { $0.key == key }) {
            members[place].value = .string(text)
        } else {
            members.append(JSONValue.Member(key, .string(text)))
        }
    }
}
