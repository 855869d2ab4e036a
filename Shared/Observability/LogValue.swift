/// The value of a log field. Literals and interpolated strings become values by themselves.
///
/// What goes in here is read by operators and shipped to places with their own rules of access: never a secret, a token
/// or a tenant's payload.
public enum LogValue: Sendable, Equatable {
    case string(String)
    case int(Int)
    case double(Double)
    case bool(Bool)

    /// The text that `subject` describes itself with; meant for errors and identifiers.
    public static func describing(_ subject: some Any) -> LogValue { .string(String(describing: subject)) }
}

extension LogValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) { self = .string(value) }
}

extension LogValue: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: Int) { self = .int(value) }
}

extension LogValue: ExpressibleByFloatLiteral {
    public init(floatLiteral value: Double) { self = .double(value) }
}

extension LogValue: ExpressibleByBooleanLiteral {
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
