internal import CLibPQ

/// Reads a DSN and adds what every connection of ours has. Nothing here ever shows the DSN, nor libpq's words about it:
/// those can quote a password.
struct ConnectionString {
    /// Keywords and values for `PQconnectdbParams`: ours that the DSN may override, the DSN, ours that it may not.
    let keywords: [(String, String)]

    init(_ configuration: DatabaseConfiguration) throws(DatabaseError) {
        guard let options = PQconninfoParse(configuration.dsn, nil) else {
            throw DatabaseError(.configuration, "the DSN is neither a URL nor keywords and values of libpq")
        }
        defer { PQconninfoFree(options) }
        var given = ""
        var option = options
        while let keyword = option.pointee.keyword {
            if String(cString: keyword) == "options", let value = option.pointee.val { given = String(cString: value) }
            option += 1
        }
        let settings = [
            "statement_timeout": configuration.statementTimeout,
            "lock_timeout": configuration.lockTimeout,
            "idle_in_transaction_session_timeout": configuration.idleInTransactionTimeout,
        ]
        let session = ["jit": "off"].merging(configuration.sessionSettings) { _, theirs in theirs }
            .merging(settings.mapValues { "\($0.wholeMilliseconds)" }) { _, limit in limit }
        let ours = session.sorted { $0.key < $1.key }.map { "-c \($0.key)=\($0.value)" }
        keywords = [
            ("application_name", configuration.applicationName),
            ("connect_timeout", "\(max(2, (configuration.connectTimeout.wholeMilliseconds + 999) / 1000))"),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "\(DatabaseConfiguration.tcpUserTimeout.wholeMilliseconds)"),
            ("dbname", configuration.dsn),
            ("client_encoding", "UTF8"),
            ("options", ([given] + ours).filter { !$0.isEmpty }.joined(separator: " ")),
        ]
    }
}

extension Duration {
    /// At least 1: zero means "no limit" to PostgreSQL.
    var wholeMilliseconds: Int64 {
        max(1, components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }

    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
