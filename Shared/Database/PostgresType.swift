/// Types and their object identifiers (`pg_type.dat`); they are the same in every installation.
enum PostgresType: UInt32, Sendable {
    case bool = 16
    case bytea = 17
    case int8 = 20
    case int2 = 21
    case int4 = 23
    case text = 25
    case json = 114
    case jsonArray = 199
    case float8 = 701
    case boolArray = 1000
    case byteaArray = 1001
    case int2Array = 1005
    case int4Array = 1007
    case textArray = 1009
    case int8Array = 1016
    case float8Array = 1022
    case timestamptz = 1184
    case timestamptzArray = 1185
    case uuid = 2950
    case uuidArray = 2951
    case jsonb = 3802
}

/// What the elements of an array parameter are.
public enum ElementType: Sendable {
    case bool, bytes, int16, int32, int64, text, json, double, timestamp
    /// A `Ulid` as the 16 bytes of a `uuid`.
    case ulid

    var element: PostgresType {
        switch self {
        case .bool: .bool
        case .bytes: .bytea
        case .int16: .int2
        case .int32: .int4
        case .int64: .int8
        case .text: .text
        case .json: .json
        case .double: .float8
        case .timestamp: .timestamptz
        case .ulid: .uuid
        }
    }

    var array: PostgresType {
        switch self {
        case .bool: .boolArray
        case .bytes: .byteaArray
        case .int16: .int2Array
        case .int32: .int4Array
        case .int64: .int8Array
        case .text: .textArray
        case .json: .jsonArray
        case .double: .float8Array
        case .timestamp: .timestamptzArray
        case .ulid: .uuidArray
        }
    }
}
