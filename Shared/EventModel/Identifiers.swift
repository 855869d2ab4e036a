/// What kind of thing an identifier names; gives the prefix of its text (`contracts.md` §3).
public protocol IdentifierKind: Sendable {
    static var prefix: StaticString { get }
}

/// `prefix` + 26 characters, for example `evt_01J…`. Kinds do not mix: a webhook's id is no event's id.
public struct Identifier<Kind: IdentifierKind>: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let ulid: Ulid

    public init(_ ulid: Ulid) {
        self.ulid = ulid
    }

    /// Reads the text that `description` writes; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let prefix = "\(Kind.prefix)"
        guard text.hasPrefix(prefix), let ulid = Ulid(text.utf8.dropFirst(prefix.utf8.count)) else { return nil }
        self.ulid = ulid
    }

    /// Appends the text.
    public func write(to bytes: inout [UInt8]) {
        Kind.prefix.withUTF8Buffer { bytes.append(contentsOf: $0) }
        ulid.write(to: &bytes)
    }

    public var description: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Kind.prefix.utf8CodeUnitCount + Ulid.textLength)
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    public static func < (left: Self, right: Self) -> Bool { left.ulid < right.ulid }
}

public enum EventKind: IdentifierKind { public static let prefix: StaticString = "evt_" }
public enum WorkspaceKind: IdentifierKind { public static let prefix: StaticString = "ws_" }
public enum EndpointKind: IdentifierKind { public static let prefix: StaticString = "wh_" }
public enum DeliveryKind: IdentifierKind { public static let prefix: StaticString = "dlv_" }
public enum DeadLetterKind: IdentifierKind { public static let prefix: StaticString = "dl_" }
public enum IntegrationKind: IdentifierKind { public static let prefix: StaticString = "int_" }
public enum TriggerKind: IdentifierKind { public static let prefix: StaticString = "trg_" }
public enum RunKind: IdentifierKind { public static let prefix: StaticString = "run_" }
public enum ChatKind: IdentifierKind { public static let prefix: StaticString = "chat_" }
public enum JobKind: IdentifierKind { public static let prefix: StaticString = "job_" }
public enum CursorKind: IdentifierKind { public static let prefix: StaticString = "cur_" }
public enum TokenKind: IdentifierKind { public static let prefix: StaticString = "tok_" }

public typealias EventID = Identifier<EventKind>
public typealias WorkspaceID = Identifier<WorkspaceKind>
/// A webhook's id: the field calls the receiving side an endpoint.
public typealias EndpointID = Identifier<EndpointKind>
public typealias DeliveryID = Identifier<DeliveryKind>
public typealias DeadLetterID = Identifier<DeadLetterKind>
public typealias IntegrationID = Identifier<IntegrationKind>
public typealias TriggerID = Identifier<TriggerKind>
public typealias RunID = Identifier<RunKind>
public typealias ChatID = Identifier<ChatKind>
public typealias JobID = Identifier<JobKind>
public typealias CursorID = Identifier<CursorKind>
public typealias TokenID = Identifier<TokenKind>

/// A tenant's id: `ten_` + 26 characters when made here; an operator may bring an id of their own
/// (1–64 characters of `A-Z a-z 0-9 _ - .`, `contracts.md` §2), so this is text.
public struct TenantID: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// Nil unless the text is 1–64 of the allowed characters.
    public init?(_ text: String) {
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D, 0x2E: true
            default: false
            }
        }
        guard allowed, (1...64).contains(text.utf8.count) else { return nil }
        self.text = text
    }

    /// An id made here.
    public init(_ ulid: Ulid) {
        self.text = "ten_\(ulid)"
    }

    public var description: String { text }
}
