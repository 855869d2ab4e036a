/// What is wrong with a program's settings. Names every key at fault and where its value came from, never a secret.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence each.
    public let problems: [String]

    public init(_ problems: [String]) { self.problems = problems }

    public var description: String { problems.joined(separator: "\n") }
}
