public import Crypto
public import Database

/// All secrets at rest, wherever they stand: for changing over to another master key.
public struct SealedSecrets: Sendable {
    /// A column that may hold sealed secrets, as texts of their own or inside of one.
    public struct Place: Sendable {
        /// `webhooks.secrets`
        public var name: String { "\(table).\(column)" }
        let table: String
        let key: String
        let owner: String
        let column: String
        let kind: String
    }

    /// What stands in one row of a place.
    public struct Entry: Sendable {
        public let key: String
        /// The id that the secrets' contexts name.
        public let owner: String
        public let values: [String]
    }

    private static let columns = Statement(
        "sealed.columns",
        "select table_name, key_name, owner_name, column_name, kind from fanfare.sealed_columns_v1()")
    private static let page = Statement(
        "sealed.page", "select o_key, o_owner, o_values from fanfare.sealed_values_v1($1, $2, $3, $4, $5, $6, $7)")
    private static let replacement = Statement(
        "sealed.replace", "select fanfare.replace_sealed_v1($1, $2, $3, $4, $5, $6, $7)")
    private static let pageSize: Int32 = 500

    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) { self.database = database }

    public func places() async throws(DatabaseError) -> [Place] {
        let rows = try await database.execute(Self.columns)
        return (0..<rows.count).map { row in
            Place(
                table: rows.text(row, 0), key: rows.text(row, 1), owner: rows.text(row, 2), column: rows.text(row, 3),
                kind: rows.text(row, 4))
        }
    }

    /// The next rows of a place that hold a sealed secret, by key; empty at the end.
    public func entries(_ place: Place, after key: String?) async throws(DatabaseError) -> [Entry] {
        let rows = try await database.execute(
            Self.page,
            Parameters {
                $0.add(place.table)
                $0.add(place.key)
                $0.add(place.owner)
                $0.add(place.column)
                $0.add(place.kind)
                $0.add(key)
                $0.add(Self.pageSize)
            })
        return (0..<rows.count).map { row in
            Entry(key: rows.text(row, 0), owner: rows.text(row, 1), values: rows.textArray(row, 2))
        }
    }

    /// Writes other values where nobody has changed them since.
    ///
    /// - Returns: false when somebody has.
    public func replace(
        _ entry: Entry, in place: Place, with values: [String]
    ) async throws(DatabaseError) -> Bool {
        let rows = try await database.execute(
            Self.replacement,
            Parameters {
                $0.add(place.table)
                $0.add(place.key)
                $0.add(place.column)
                $0.add(place.kind)
                $0.add(entry.key)
                $0.add(texts: entry.values)
                $0.add(texts: values)
            })
        return rows.bool(0, 0)
    }
}

/// Seals what it finds in texts anew, under the newest key.
public struct Rewrapping: Sendable {
    /// What was found and done.
    public struct Tally: Sendable {
        /// Sealed under the newest key already.
        public var current = 0
        public var rewrapped = 0
        /// How many stay closed for want of their key, by its id.
        public var unknown: [String: Int] = [:]
        /// Those that their key does not open: they were changed, or copied from another row.
        public var damaged = 0

        public init() {}
    }

    /// The beginnings of contexts; the owner's id follows behind a colon.
    private static let contexts = [
        "webhook", "webhook-headers", "webhook-identity", "webhook-v1a", "workspace", "integration",
    ]

    private let box: SecretBox
    private let current: String

    public init(_ box: SecretBox, current: MasterKey) {
        self.box = box
        self.current = current.id
    }

    /// The text with all that another key sealed sealed anew; nil when there is nothing to do.
    public func rewrapped(_ text: String, owner: String, _ tally: inout Tally) -> String? {
        var result: [UInt8] = []
        var isChanged = false
        let bytes = Array(text.utf8)
        var position = 0
        while position < bytes.count {
            guard let end = Self.sealedEnd(bytes, position) else {
                result.append(bytes[position])
                position += 1
                continue
            }
            let sealed = String(decoding: bytes[position..<end], as: UTF8.self)
            let other = rewrapped(sealed: sealed, owner: owner, &tally)
            isChanged = isChanged || other != nil
            result += Array((other ?? sealed).utf8)
            position = end
        }
        return isChanged ? String(decoding: result, as: UTF8.self) : nil
    }

    private func rewrapped(sealed: String, owner: String, _ tally: inout Tally) -> String? {
        guard let keyID = try? SecretBox.keyID(of: sealed) else { return nil }
        guard keyID != current else {
            tally.current += 1
            return nil
        }
        for context in Self.contexts {
            do throws(CryptoError) {
                if let other = try box.rewrapped(sealed, context: "\(context):\(owner)") {
                    tally.rewrapped += 1
                    return other
                }
            } catch  where error.code == .unknownKey {
                tally.unknown[keyID, default: 0] += 1
                return nil
            } catch {
                // Another context, perhaps.
                continue
            }
        }
        tally.damaged += 1
        return nil
    }

    /// Where what begins at `start` ends, if it looks like `v1:<key id>:<base64>`.
    private static func sealedEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
        guard bytes[start...].starts(with: Array("v1:".utf8)) else { return nil }
        let id = start + 3
        guard let colon = bytes[id...].prefix(33).firstIndex(of: UInt8(ascii: ":")), colon > id else { return nil }
        var end = colon + 1
        while end < bytes.count, isBase64(bytes[end]) { end += 1 }
        return end - colon > 40 ? end : nil
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F, 0x3D: true
        default: false
        }
    }
}
