/// A path with places for values: `/v1/tenant/webhooks/{id}/test`; `{rest...}` at the end takes all that follows.
struct RoutePattern {
    enum Segment: Hashable {
        case literal(String)
        case parameter
        case rest
    }

    let segments: [Segment]
    let names: [String]

    /// - Precondition: begins with a slash, names are unique, `{name...}` is last; patterns are written by us.
    init(_ pattern: String) {
        precondition(pattern.first == "/", "a route pattern begins with a slash: \(pattern)")
        var segments: [Segment] = []
        var names: [String] = []
        for part in pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            precondition(segments.last != .rest, "nothing follows {…...} in a route pattern: \(pattern)")
            guard part.first == "{", part.last == "}" else {
                segments.append(.literal(String(part)))
                continue
            }
            let name = part.dropFirst().dropLast()
            let isRest = name.hasSuffix("...")
            names.append(String(isRest ? name.dropLast(3) : name))
            segments.append(isRest ? .rest : .parameter)
        }
        precondition(Set(names).count == names.count, "the names of a route pattern are unique: \(pattern)")
        self.segments = segments
        self.names = names
    }
}
